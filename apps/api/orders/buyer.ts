import type { FieldErrors } from "../pages/form.js";
import { parsePhone, PHONE_RULE } from "../phone.js";
import { parseTextLine } from "../text-line.js";

/** Who orders, and where it goes. */
export interface Buyer {
  name: string;
  /** `+91` and ten digits. */
  phone: string;
  address: Address;
}

/** An address in India. The PIN names the postal district, so the state is not asked for. */
export interface Address {
  /** House, street and area. */
  street: string;
  landmark?: string;
  city: string;
  /** Six digits, the first of them not 0. */
  pin: string;
}

/** Longest texts, in characters. */
export const BUYER_NAME_MAX = 80;
export const STREET_MAX = 160;
export const LANDMARK_MAX = 80;
export const CITY_MAX = 60;

/** What a buyer enters, as it was entered. */
export interface BuyerTexts {
  name: string;
  phone: string;
  street: string;
  /** May be empty. */
  landmark: string;
  city: string;
  pin: string;
}

/** Checks what a buyer entered; errors bear the names of {@link BuyerTexts}. */
export function parseBuyer(texts: BuyerTexts): Buyer | { errors: FieldErrors } {
  const name = parseTextLine(texts.name, BUYER_NAME_MAX);
  const phone = parsePhone(texts.phone);
  const street = parseTextLine(texts.street, STREET_MAX);
  const hasLandmark = texts.landmark.trim() !== "";
  const landmark = hasLandmark ? parseTextLine(texts.landmark, LANDMARK_MAX) : undefined;
  const city = parseTextLine(texts.city, CITY_MAX);
  const pin = parsePin(texts.pin);
  if (name && phone && street && city && pin && (landmark || !hasLandmark))
    return { name, phone, address: { street, ...(landmark && { landmark }), city, pin } };
  return {
    errors: {
      ...(!name && { name: `Your name must be one line of 1 to ${BUYER_NAME_MAX} characters.` }),
      ...(!phone && { phone: PHONE_RULE }),
      ...(!street && { street: `The house and street must be one line of 1 to ${STREET_MAX} characters.` }),
      ...(hasLandmark &&
        !landmark && { landmark: `The landmark must be one line of at most ${LANDMARK_MAX} characters.` }),
      ...(!city && { city: `The town or city must be one line of 1 to ${CITY_MAX} characters.` }),
      ...(!pin && { pin: "The PIN code must have six digits and not begin with 0, such as 560 001." }),
    },
  };
}

/** A PIN code as six digits; `undefined` when the text is none. Accepts the usual space or hyphen in the middle. */
export function parsePin(text: string): string | undefined {
  const match = /^([1-9]\d{2})[ -]?(\d{3})$/.exec(text.trim());
  return match ? `${match[1]}${match[2]}` : undefined;
}
