const settleMs = 250

/** Shows a display within the stage: fitted, or in its own size; and tells the desktop of the stage's size. */
export function createScreen({ stage, fitButton, fullscreenButton, resized }) {
  let display = null
  let fit = true
  let timer = 0

  const size = () => ({
    width: Math.max(64, Math.floor(stage.clientWidth)),
    height: Math.max(64, Math.floor(stage.clientHeight)),
  })
  const scale = () => {
    if (display === null || display.getWidth() === 0) return
    const { width, height } = size()
    const fitting = Math.min(width / display.getWidth(), height / display.getHeight())
    display.scale(fit ? fitting : 1)
  }
  new ResizeObserver(() => {
    scale()
    clearTimeout(timer)
    timer = setTimeout(() => resized(size()), settleMs)
  }).observe(stage)

  fitButton.addEventListener('click', () => {
    fit = !fit
    fitButton.setAttribute('aria-pressed', String(fit))
    stage.dataset.fit = String(fit)
    scale()
  })
  fullscreenButton.hidden = !document.fullscreenEnabled
  fullscreenButton.addEventListener('click', async () => {
    if (document.fullscreenElement !== null) return document.exitFullscreen()
    await document.documentElement.requestFullscreen().catch(() => undefined)
    // Else the desktop never sees the keys that browsers keep for themselves.
    await navigator.keyboard?.lock?.(['Escape', 'Tab', 'MetaLeft', 'MetaRight']).catch(() => undefined)
  })
  document.addEventListener('fullscreenchange', () =>
    fullscreenButton.setAttribute('aria-pressed', String(document.fullscreenElement !== null)),
  )

  return {
    size,
    show(next) {
      display?.getElement().remove()
      display = next
      stage.prepend(next.getElement())
      next.onresize = scale
      scale()
    },
  }
}
