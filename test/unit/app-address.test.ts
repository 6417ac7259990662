import { expect, test } from "vitest";
import { addressSubject } from "../../apps/api/auth/rate-limits.js";

test.each([
  ["198.51.100.7", "198.51.100.7"],
  ["::ffff:198.51.100.7", "198.51.100.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
  ["2001:db8:1:3::1", "2001:db8:1:3::/64"],
  ["::1", "::/64"],
  ["fe80::1%eth0", "fe80::/64"],
  ["", "local"],
  ["not an address", "local"],
  [undefined, "local"],
])("limits by address count %j as %j", (ip, subject) => {
  expect(addressSubject(ip)).toBe(subject);
});
