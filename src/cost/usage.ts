import type { Geography } from "../topology/regions.js";

/** What a month of the shop looks like. GB are binary. */
export interface Usage {
  /** A month, all stores together. */
  pageViews: number;
  /** Busiest hour against the average one. */
  peakFactor: number;
  /** Requests that one page view makes: itself, its images, its styles. */
  requestsPerPage: number;
  /** Images among them, which the object storage has. */
  imagesPerPage: number;
  /** HTML, styles and scripts of a page view, compressed, that the browser does not have yet. */
  pageKB: number;
  /** Images of a page view that the browser does not have yet. */
  imageKB: number;
  ordersPerThousandPages: number;
  searchesPerPage: number;
  /** Share of page views that Redis answers, 0 to 1. */
  cacheHitRate: number;
  /** Share of requests, and of bytes, that edge caches answer, 0 to 1. */
  edgeHitRate: number;
  databaseGB: number;
  imagesGB: number;
  /** Images that merchants upload in a month. */
  imageUploads: number;
  /** Pages worth keeping in Redis. */
  cacheGB: number;
  indexGB: number;
  /** One request's log line. */
  logKB: number;
  /** Events that an order and its changes make. */
  eventsPerOrder: number;
  eventKB: number;
  /** How long the log of events is kept. */
  eventDays: number;
  /** What a page view moves between machines: queries, cached pages, replication. */
  internalKB: number;
  /** Share of that which crosses a zone, 0 to 1. */
  crossZoneShare: number;
  /** Share of the events that other regions want, 0 to 1. */
  interRegionShare: number;
  /** Backups of the database that are kept, as multiples of its size: full ones and their WAL. */
  backupCopies: number;
  /** Where the buyers are; the shares sum up to 1. */
  buyers: Record<Geography, number>;
}

/** Most buyers of a platform that began in India are there; assumption. */
const buyers: Usage["buyers"] = {
  india: 0.6,
  "asia-pacific": 0.1,
  japan: 0.02,
  australia: 0.03,
  europe: 0.1,
  "north-america": 0.13,
  "south-america": 0.02,
};

/**
 * Expected: a platform of some 10,000 stores. Shape of a page and rates are assumptions of the field (HTTP Archive's
 * median page is heavier; store pages here are rendered on the server and carry no framework), to be replaced by one's
 * own measurements.
 */
const expected: Usage = {
  pageViews: 30_000_000,
  peakFactor: 4,
  requestsPerPage: 12,
  imagesPerPage: 10,
  pageKB: 40,
  imageKB: 360,
  ordersPerThousandPages: 4,
  searchesPerPage: 0.05,
  cacheHitRate: 0.9,
  edgeHitRate: 0.85,
  databaseGB: 60,
  imagesGB: 150,
  imageUploads: 100_000,
  cacheGB: 6,
  indexGB: 10,
  logKB: 0.4,
  eventsPerOrder: 20,
  eventKB: 2,
  eventDays: 7,
  internalKB: 120,
  crossZoneShare: 0.5,
  interRegionShare: 0.3,
  backupCopies: 3,
  buyers,
};

export const usageNames = ["low", "expected", "high"] as const;

export type UsageName = (typeof usageNames)[number];

/** Low: some hundred stores. High: 100,000 and more, the size at which bills get into books. */
export const usages: Readonly<Record<UsageName, Usage>> = {
  low: {
    ...expected,
    pageViews: 1_000_000,
    databaseGB: 5,
    imagesGB: 10,
    imageUploads: 5000,
    cacheGB: 0.5,
    indexGB: 1,
  },
  expected,
  high: {
    ...expected,
    pageViews: 1_000_000_000,
    databaseGB: 300,
    imagesGB: 1500,
    imageUploads: 1_000_000,
    cacheGB: 40,
    indexGB: 80,
  },
};

const kBPerGB = 1024 * 1024;
const hours = 730;

/** What follows from a usage for the part of it that one region serves. */
export interface Volumes {
  /** Page views a second in the busiest hour. */
  peakPages: number;
  /** Orders a second in the busiest hour. */
  peakOrders: number;
  /** All requests of a month. */
  requests: number;
  orders: number;
  /** To buyers, in a month. */
  egressGB: number;
  /** Of all requests: a line each. */
  logsGB: number;
  internalGB: number;
  eventsGB: number;
}

/** @param share of the whole, 0 to 1 */
export function volumesOf(usage: Usage, share: number): Volumes {
  const pages = usage.pageViews * share;
  const orders = (pages * usage.ordersPerThousandPages) / 1000;
  const perSecond = usage.peakFactor / (hours * 3600);
  const requests = pages * usage.requestsPerPage;
  return {
    peakPages: pages * perSecond,
    peakOrders: orders * perSecond,
    requests,
    orders,
    egressGB: (pages * (usage.pageKB + usage.imageKB)) / kBPerGB,
    logsGB: (requests * usage.logKB) / kBPerGB,
    internalGB: (pages * usage.internalKB) / kBPerGB,
    eventsGB: (orders * usage.eventsPerOrder * usage.eventKB) / kBPerGB,
  };
}
