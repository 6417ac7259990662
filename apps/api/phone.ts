/** An Indian mobile number as `+91` and ten digits; `undefined` when the text is none. Accepts spaces, hyphens, 0 or +91. */
export function parsePhone(text: string): string | undefined {
  const digits = text.trim().replaceAll(/[\s()-]/g, "");
  const match = /^(?:\+?91|0)?([6-9]\d{9})$/.exec(digits);
  return match ? `+91${match[1]}` : undefined;
}

/** A number as people read it, such as `+91 98765 43210`. */
export function formatPhone(phone: string): string {
  return `${phone.slice(0, 3)} ${phone.slice(3, 8)} ${phone.slice(8)}`;
}

/** What a form says of a number that is none. */
export const PHONE_RULE = "The number must be an Indian mobile number of ten digits, such as 98765 43210.";
