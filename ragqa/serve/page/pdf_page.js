/* One page of a PDF: its picture on a canvas, and its texts as transparent spans above, which can be selected and read
   aloud, and of which parts are marked. */

import { TextLayer } from "./vendor/pdfjs/pdf.min.mjs";

const MOST_PIXELS = 2 ** 24; // of a canvas; a larger page is drawn coarser
const TALLEST = 4; // times as high as wide; a longer page is narrower

/** Draw a page into a new element at the end of a box, as wide as the box.

    @param {PDFPageProxy} page
    @returns {{element: HTMLElement, texts: Promise<{strings: string[], nodes: Text[], rows: () => number[][]}>, drawn: Promise<void>}} the texts
      of the page with the nodes that hold them, and a promise for its picture */
export function addPage(box, page, before = null) {
  const natural = page.getViewport({ scale: 1 });
  const element = document.createElement("div");
  element.className = "pdf-page";
  element.role = "group";
  element.ariaLabel = `Page ${page.pageNumber}`;
  element.style.aspectRatio = `${natural.width} / ${natural.height}`;
  element.style.width = `${Math.min(1, (TALLEST * natural.width) / natural.height) * 100}%`;
  box.insertBefore(element, before);
  const layer = document.createElement("div");
  layer.className = "pdf-texts";
  const canvas = document.createElement("canvas");
  element.append(canvas, layer);
  new ResizeObserver(() => element.style.setProperty("--total-scale-factor", element.clientWidth / natural.width)).observe(element);
  return { element, texts: textsOf(page, layer, natural), drawn: draw(page, canvas, element.clientWidth, natural) };
}

async function textsOf(page, container, viewport) {
  const layer = new TextLayer({ textContentSource: page.streamTextContent(), container, viewport });
  await layer.render();
  return { strings: layer.textContentItemsStr, nodes: layer.textDivs.map((each) => each.firstChild), rows: () => rows(layer.textDivs) };
}

/** Return the indexes of the spans of each line, from the top to the bottom. */
function rows(spans) {
  const middles = spans.map((span, index) => {
    const { top, bottom } = span.getBoundingClientRect();
    return { index, height: bottom - top, at: (top + bottom) / 2 };
  });
  const lines = [];
  for (const each of middles.filter(({ height }) => height).sort((one, other) => one.at - other.at)) {
    const line = lines.at(-1);
    if (line && each.at - line[0].at < each.height / 2) line.push(each);
    else lines.push([each]);
  }
  return lines.map((line) => line.map(({ index }) => index));
}

function draw(page, canvas, width, natural) {
  const wanted = (width / natural.width) * devicePixelRatio;
  const most = Math.sqrt(MOST_PIXELS / (natural.width * natural.height));
  const viewport = page.getViewport({ scale: Math.min(wanted, most) });
  canvas.width = Math.max(1, Math.floor(viewport.width));
  canvas.height = Math.max(1, Math.floor(viewport.height));
  return page.render({ canvas, viewport }).promise;
}
