import { expect, it } from "vitest";
import { planRotation } from "../../src/cli/logins.js";

const urn = (number: number) => ({
  type: "random:index/randomPassword:RandomPassword",
  urn: `urn:pulumi:lab::dukaan::dukaan:index:Environment$dukaan:index:Database$random:index/randomPassword:RandomPassword::database-login-${number}`,
});
const other = {
  type: "random:index/randomPassword:RandomPassword",
  urn: "urn:pulumi:lab::dukaan::dukaan:index:Environment$dukaan:index:Backups$random:index/randomPassword:RandomPassword::backups",
};

it.each([
  ["a new change", [1], [1], { number: 2, user: "shop_2", both: [2, 1] }],
  ["the next one", [2], [2], { number: 3, user: "shop_3", both: [3, 2] }],
  ["cut off before the app was switched", [2, 1], [1], { number: 2, user: "shop_2", both: [2, 1] }],
  ["cut off after it", [2, 1], [1, 2], { number: 2, user: "shop_2", both: [2, 1] }],
  ["cut off before the old one was dropped", [2], [1, 2], { number: 2, user: "shop_2" }],
  ["taken back by hand", [1], [1, 2], { number: 1, user: "shop_1" }],
  ["the last number", [9999], [9999], { number: 1, user: "shop_1", both: [1, 9999] }],
])("plans %s", (_, configured, known, plan) => {
  expect(planRotation(configured, [other, ...known.map(urn)])).toEqual(plan);
});
