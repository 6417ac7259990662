import { seededRandom } from "./random.js";

/** A store of the sample data; the same index always gives the same store. */
export interface SampleStore {
  slug: string;
  name: string;
}

/** A product of the sample data; the same store and position always give the same product. */
export interface SampleProduct {
  name: string;
  pricePaise: number;
  stock: number;
}

interface Trade {
  title: string;
  things: readonly string[];
  kinds: readonly string[];
  /** Cheapest and dearest product, in rupees. */
  rupees: readonly [number, number];
}

const OWNERS = [
  "Asha",
  "Bhavna",
  "Chandra",
  "Deepak",
  "Esha",
  "Farhan",
  "Gauri",
  "Harish",
  "Imran",
  "Jaya",
  "Kavita",
  "Lakshmi",
  "Meena",
  "Naveen",
  "Ojas",
  "Priya",
  "Ravi",
  "Sunita",
  "Tariq",
  "Uma",
];

const TRADES: readonly Trade[] = [
  {
    title: "Sarees",
    things: ["saree", "dupatta", "blouse piece", "stole", "shawl", "lehenga set"],
    kinds: ["Banarasi silk", "Cotton", "Chanderi", "Kanchipuram", "Block-print", "Linen", "Bandhani"],
    rupees: [350, 14_000],
  },
  {
    title: "Spices",
    things: ["masala 100 g", "powder 200 g", "whole 100 g", "pickle 400 g", "chutney 250 g"],
    kinds: ["Turmeric", "Red chilli", "Garam", "Coriander", "Cumin", "Mango", "Tamarind"],
    rupees: [45, 420],
  },
  {
    title: "Sweets",
    things: ["laddu 500 g", "barfi 500 g", "halwa 400 g", "namkeen 300 g", "gift box"],
    kinds: ["Besan", "Kaju", "Moong", "Coconut", "Pista", "Jaggery", "Mixed"],
    rupees: [120, 1_800],
  },
  {
    title: "Crafts",
    things: ["vase", "wall hanging", "lamp", "cushion cover", "basket", "toy", "tray"],
    kinds: ["Blue pottery", "Dhokra brass", "Jute", "Madhubani", "Terracotta", "Warli", "Sheesham"],
    rupees: [180, 4_500],
  },
  {
    title: "Electricals",
    things: ["LED bulb", "extension board", "ceiling fan", "torch", "phone charger", "table lamp"],
    kinds: ["9 W", "20 W", "Fast", "Rechargeable", "Compact", "Heavy-duty"],
    rupees: [90, 3_200],
  },
  {
    title: "Books",
    things: ["notebook", "exercise book", "story book", "atlas", "workbook", "pen set"],
    kinds: ["Hindi", "English", "Tamil", "Bengali", "Class 5", "Class 10", "Ruled"],
    rupees: [30, 950],
  },
];

/** The store at an index from 0. */
export function sampleStore(index: number): SampleStore {
  const owner = OWNERS[index % OWNERS.length]!;
  const name = `${owner}’s ${trade(index).title}`;
  const number = String(index + 1).padStart(3, "0");
  return { slug: `${owner}s-${trade(index).title}-${number}`.toLowerCase(), name };
}

/** Number of the merchant who has all sample stores. Codes for it only reach anybody where they go to the log. */
export const SAMPLE_PHONE = "+919999999999";

/** The store of 20,000 products. */
export const GIANT_STORE: SampleStore = { slug: "giant-bazaar", name: "Giant Bazaar" };

/** The product at a position (from 0) of a store. */
export function sampleProduct(storeSlug: string, storeIndex: number, position: number): SampleProduct {
  const random = seededRandom(hash(`${storeSlug}/${position}`));
  const { things, kinds, rupees } = trade(storeIndex === GIANT_INDEX ? position : storeIndex);
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)]!;
  const [low, high] = rupees;
  // Cheap things are more frequent than dear ones: evenly spread on a logarithmic scale, rounded to 5 rupees.
  const price = Math.round((low * (high / low) ** random()) / 5) * 5;
  // One product in twelve is sold out, so that the shops look lived in.
  const stock = random() < 1 / 12 ? 0 : 1 + Math.floor(random() * 200);
  return { name: `${pick(kinds)} ${pick(things)} no. ${position + 1}`, pricePaise: price * 100, stock };
}

/** Index that marks the giant store, which sells of every trade. */
export const GIANT_INDEX = -1;

function trade(index: number): Trade {
  return TRADES[index % TRADES.length]!;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
