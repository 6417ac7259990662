import { describe, expect, it } from "vitest";
import { html } from "../../apps/api/pages/html.js";

describe("a template", () => {
  it("escapes what it is given, unless that is markup", () => {
    const name = `<b title='x' class="y">Ravi & Sons</b>`;
    const escaped = "&#60;b title&#61;&#39;x&#39; class&#61;&#34;y&#34;&#62;Ravi &#38; Sons&#60;/b&#62;";
    expect(html`<p>${name}</p>`).toBe(`<p>${escaped}</p>`);
    expect(html`<p>${[name, "<"]}</p>`).toBe(`<p>${escaped}&#60;</p>`);
    expect(html`<p>!${name}</p>`).toBe(`<p>${name}</p>`);
    expect(html`!${["<i>1</i>", "<i>2</i>"]} !`).toBe("<i>1</i><i>2</i> !");
    expect(html`${0}|${-1.5}|!${7}|${null}|${undefined}|!${null}|${""}`).toBe("0|-1.5|7||||");
  });

  it("writes punctuation and currency signs as character references, other scripts as they are", () => {
    expect(html`<p>Today’s ${"“₹5” – now…"}</p>`).toBe(
      "<p>Today&#8217;s &#8220;&#8377;5&#8221; &#8211; now&#8230;</p>",
    );
    for (const text of ["श्री गणेश", "क्‍ष", "Étage ×2", "🪔", "ಕನ್ನಡ"]) expect(html`${text}`).toBe(text);
    expect(html`${"दीवाली – सेल"}`).toBe("दीवाली &#8211; सेल");
    expect(html`!${"₹"}`).toBe("₹");
  });

  it("leaves the source's indentation out, and nothing of a value", () => {
    // By another name, so that no formatter takes it for HTML.
    const template = html;
    const lines = "one\n\n  two";
    const markup = template`<ul>
      <li>a  b</li>

      <li><textarea>
!${lines}</textarea></li>
    </ul> `;
    expect(markup).toBe(`<ul>\n<li>a  b</li>\n<li><textarea>\n${lines}</textarea></li>\n</ul> `);
  });
});
