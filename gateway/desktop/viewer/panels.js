/** The parts of the page, by their ids. */
export const part = (id) => document.getElementById(id)

/** A button that shows and hides a panel; Escape closes it and goes back to the desktop. */
export function createPanel(button, panel, closed) {
  const show = (open) => {
    panel.hidden = !open
    button.setAttribute('aria-expanded', String(open))
    if (open) panel.querySelector('textarea, button:not([hidden]), input')?.focus()
    else closed()
  }
  button.addEventListener('click', () => show(panel.hidden))
  panel.addEventListener('keydown', (event) => event.key === 'Escape' && show(false))
  return { open: () => panel.hidden && show(true) }
}

/** Words at the lower edge, for a while, that a screen reader says as well. */
export function createNotice(element) {
  let timer = 0
  return (words) => {
    element.textContent = words
    clearTimeout(timer)
    timer = setTimeout(() => (element.textContent = ''), 4_000)
  }
}

const bounds = [
  [120, 3, 'good'],
  [400, 2, 'fair'],
]

/** Bars and words for how long a picture takes, smoothed. */
export function createQuality(element) {
  let smooth = null
  return {
    measured(ms) {
      smooth = smooth === null ? ms : smooth * 0.7 + ms * 0.3
      const [, bars, word] = bounds.find(([limit]) => smooth < limit) ?? [0, 1, 'poor']
      element.dataset.bars = String(bars)
      element.title = `Connection: ${word}, ${Math.round(smooth)} ms`
      element.setAttribute('aria-label', element.title)
    },
    unknown() {
      smooth = null
      element.dataset.bars = '0'
      element.title = 'Connection: unknown'
      element.setAttribute('aria-label', element.title)
    },
  }
}

/**
 * What lies over the desktop while it can't be seen, with one thing that can be done about it. Nothing of `behind` takes
 * the keyboard meanwhile.
 */
export function createCurtain({ curtain, title, text, spinner, action, leave, behind }) {
  let act = () => undefined
  const cover = (covered) => behind.forEach((element) => (element.inert = covered))
  action.addEventListener('click', () => act())
  return {
    draw(heading, words, { busy = false, button = null, run = () => undefined, mayLeave = false } = {}) {
      const wasHidden = curtain.hidden
      curtain.hidden = false
      cover(true)
      title.textContent = heading
      text.textContent = words
      spinner.hidden = !busy
      action.hidden = button === null
      action.textContent = button ?? ''
      leave.hidden = !mayLeave
      act = run
      if (button !== null) action.focus()
      else if (wasHidden) title.focus()
    },
    lift() {
      curtain.hidden = true
      cover(false)
    },
  }
}
