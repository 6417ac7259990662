import { stageChange } from "../../../src/topology/guard.js";
import type { ResourceType } from "../resource.js";
import { changedInputs } from "./changed-inputs.js";

type StageInputs = {
  stage: string;
  provider: string;
  location: string;
  image: string;
  addresses?: Record<string, string>;
  disks?: Record<string, number>;
  volumes?: Record<string, number>;
  databaseLogins?: number[];
  loadBalancer?: "managed";
  managedDatabase?: number;
  addressShared?: number;
  token?: string;
};

/** Refuses, already in the preview, what cannot change without moving data. Holds nothing itself. */
export const stage: ResourceType<StageInputs> = {
  check(news, olds) {
    const refusal = olds && stageChange(olds, news);
    return refusal ? [{ property: "stage", reason: `${refusal.reason}. ${refusal.remedy}` }] : [];
  },

  // A token allows one change; kept in the state it would allow it again.
  store({ token: _token, ...kept }) {
    return kept;
  },

  diff({ oldInputs, news }) {
    return { changes: changedInputs(oldInputs, news) };
  },

  async create(news) {
    return { id: "stage", outputs: { stage: news.stage } };
  },

  async update({ news }) {
    return { stage: news.stage };
  },
};
