import type { PageOwner } from "../auth/merchant-area.js";
import type { Product } from "../catalogue/products.js";
import type { ProductImage } from "../catalogue/snapshot.js";
import { ALT_MAX, IMAGES_MAX } from "../images/images.js";
import { thumbnail } from "../images/picture.js";
import { textField } from "../pages/form.js";
import { html } from "../pages/html.js";
import type { Store } from "../stores/stores.js";

/** A product's pictures with their forms, and the form for one more. */
export function imageForms(merchant: PageOwner, store: Store, { id, images }: Product): string {
  const path = `/admin/${store.slug}/products/${id}/images`;
  return html`<section class="card" id="pictures" aria-labelledby="pictures-heading">
    <h2 id="pictures-heading">Pictures</h2>
    !${
      images.length === 0
        ? html`<p>No pictures yet. Products with one sell better.</p>`
        : html`<ul class="images">
            !${images.map((image, index) => imageForm(merchant, path, image, index))}
          </ul>`
    }
    !${images.length < IMAGES_MAX ? uploadForm(merchant, path) : ""}
  </section>`;
}

function imageForm(merchant: PageOwner, path: string, image: ProductImage, index: number): string {
  const id = `alt-${image.digest}`;
  const which = `picture ${index + 1}`;
  return html`<li>
    !${thumbnail(image, "8rem", { lazy: true })}
    <form method="post" action="${path}/${image.digest}">
      !${merchant.formField()}
      <label for="${id}">What ${which} shows</label>
      <input id="${id}" name="alt" value="${image.alt}" maxlength="${ALT_MAX}" autocomplete="off" />
      <p class="actions">
        <button class="button quiet small" name="action" value="save">
          Save<span class="visually-hidden"> the words for ${which}</span>
        </button>
        !${
          index === 0
            ? ""
            : html`<button class="button quiet small" name="action" value="first">
                Show first<span class="visually-hidden">: ${which}</span>
              </button>`
        }
        <button class="link" name="action" value="remove">
          Take off<span class="visually-hidden"> ${which}</span>
        </button>
      </p>
    </form>
  </li> `;
}

function uploadForm(merchant: PageOwner, path: string): string {
  return html`<form method="post" action="${path}" enctype="multipart/form-data">
    !${merchant.formField()}
    !${textField({
      name: "alt",
      label: "What the picture shows",
      maxlength: ALT_MAX,
      required: false,
      hint: "For people who do not see it, such as “Red silk saree with a golden border”.",
    })}
    <div class="field">
      <label for="picture">Picture</label>
      <input
        type="file"
        id="picture"
        name="picture"
        accept="image/jpeg,image/png,image/webp"
        required
        aria-describedby="picture-hint"
      />
      <p class="hint" id="picture-hint">
        JPEG, PNG or WebP, at most 10 MB. What a camera noted in it is removed.
      </p>
    </div>
    <button class="button wide">Add the picture</button>
  </form>`;
}
