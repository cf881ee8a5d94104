// Runs in the page: tests send it as text, because their own types are those of Node.

/** How many pixels the page is wider than the screen. */
function overflow() {
  return document.documentElement.scrollWidth - window.innerWidth
}

/** Waits until no part of the page is loading, and nothing has arrived for some frames. */
async function settled() {
  let quiet = 0
  for (let before = -1; quiet < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    const arrived = performance.getEntriesByType('resource').length
    const isLoading = document.querySelector('[aria-busy="true"], .animate-shimmer') !== null
    quiet = arrived === before && !isLoading ? quiet + 1 : 0
    before = arrived
  }
}

/** Waits until no colour is between two themes. The animation of what is loading never ends. */
async function still() {
  const isRunning = () => document.getAnimations().some((it) => it instanceof CSSTransition)
  while (isRunning()) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** Waits for two frames: in the first after a new size, media queries may still be those of the old one. */
function drawn() {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
}

/**
 * Texts of the page that are neither from the catalogue nor data, and texts of the catalogue that are cut.
 * @param {string} open what every text of the catalogue begins with
 * @param {string} data a pattern of the test's own data
 */
function foreignTexts(open, data) {
  const isData = new RegExp(data)
  /** @type {string[]} */
  const found = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const text = node.textContent?.trim() ?? ''
    const parent = node.parentElement
    if (text === '' || parent === null || parent.getClientRects().length === 0) continue
    const known =
      text.includes(open) || isData.test(text) || parent.closest('time, option, pre, code')
    if (!known) found.push(`not in the catalogue: ${text}`)
    if (text.includes(open) && isCut(parent)) found.push(`cut: ${text}`)
  }
  return found
}

/** @param {Element} element */
function isCut(element) {
  const hides = getComputedStyle(element).overflowX === 'hidden'
  return hides && !element.closest('.sr-only') && element.scrollWidth > element.clientWidth + 1
}

/** Placeholders that are cut, and parts of the page that have to be scrolled sideways. */
function cut() {
  const context = document.createElement('canvas').getContext('2d')
  /** @type {string[]} */
  const found = []
  for (const input of document.querySelectorAll('input[placeholder]')) {
    const { placeholder, clientWidth, type } = /** @type {HTMLInputElement} */ (input)
    const { font, fontSize, paddingLeft, paddingRight } = getComputedStyle(input)
    // A field for a search keeps room for the button that empties it.
    const taken = [paddingLeft, paddingRight, type === 'search' ? fontSize : '0']
    const room = taken.reduce((rest, it) => rest - Number.parseFloat(it), clientWidth)
    if (context !== null) context.font = font
    if ((context?.measureText(placeholder).width ?? 0) > room) found.push(`cut: ${placeholder}`)
  }
  for (const part of document.querySelectorAll('main *')) {
    const scrolls = /auto|scroll/.test(getComputedStyle(part).overflowX)
    if (scrolls && part.scrollWidth > part.clientWidth + 1) {
      found.push(`${part.scrollWidth - part.clientWidth} pixels to scroll: ${part.ariaLabel}`)
    }
  }
  return found
}

Object.assign(window, { tests: { overflow, cut, drawn, foreignTexts, settled, still } })
