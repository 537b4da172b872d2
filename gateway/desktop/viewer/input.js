import Guacamole from './guacamole-common.js'

/** Keyboard, mouse and touch of one display. What it listens with stays; whom it tells changes with each connection. */
export function createInput({ stage, toolbar, keyboardButton }) {
  const field = createField()
  stage.append(field)
  const keyboard = new Guacamole.Keyboard(field)
  let client = null
  const held = new Set()

  const modifiers = { ctrl: [0xffe3, 0xffe4], alt: [0xffe9, 0xffea], shift: [0xffe1, 0xffe2] }
  const wantsToolbar = () => Object.values(modifiers).every((keys) => keys.some((key) => held.has(key)))
  keyboard.onkeydown = (keysym) => {
    held.add(keysym)
    client?.sendKeyEvent(1, keysym)
    if (wantsToolbar()) {
      keyboard.reset()
      toolbar.querySelector('button:not([hidden])')?.focus()
    }
    // The browser itself does nothing with it.
    return false
  }
  keyboard.onkeyup = (keysym) => {
    held.delete(keysym)
    client?.sendKeyEvent(0, keysym)
  }
  // A key that is let go of elsewhere would stay down over there.
  field.addEventListener('blur', () => keyboard.reset())
  window.addEventListener('blur', () => keyboard.reset())

  keyboardButton.hidden = !matchMedia('(pointer: coarse)').matches
  keyboardButton.addEventListener('click', () => field.focus())

  return {
    focus: () => field.focus({ preventScroll: true }),
    /** From here on this client hears of everything; the display's own element is where the pointer is watched. */
    attach(next) {
      client = next
      const display = next.getDisplay()
      const element = display.getElement()
      const mouse = new Guacamole.Mouse(element)
      const finger = new Guacamole.Mouse.Touchscreen(element)
      const pass = ({ state }) => next === client && next.sendMouseState(state, true)
      mouse.onEach(['mousedown', 'mousemove', 'mouseup'], pass)
      finger.onEach(['mousedown', 'mousemove', 'mouseup'], pass)
      // The browser draws the desktop's pointer where it can: it does not lag behind the hand.
      display.oncursor = (canvas, x, y) => display.showCursor(!mouse.setCursor(canvas, x, y))
      // Else the browser would take the focus away again, and the first keys with it.
      element.addEventListener('mousedown', (event) => {
        event.preventDefault()
        field.focus({ preventScroll: true })
      })
      element.addEventListener('contextmenu', (event) => event.preventDefault())
      next.onmultitouch = (maximum) => {
        if (maximum === 0) return
        const touch = new Guacamole.Touch(element)
        touch.onEach(['touchstart', 'touchmove', 'touchend'], (event) => {
          event.preventDefault()
          if (next === client) next.sendTouchState(event.touch, true)
        })
      }
    },
    detach() {
      keyboard.reset()
      held.clear()
      client = null
    },
  }
}

/** A field of text that nobody sees: it is what input methods and the keyboards of tablets write into. */
function createField() {
  const field = document.createElement('textarea')
  field.className = 'sink'
  field.setAttribute('aria-label', 'Keyboard of the desktop. Ctrl+Alt+Shift moves to the toolbar.')
  for (const name of ['autocapitalize', 'autocomplete', 'autocorrect']) field.setAttribute(name, 'off')
  field.spellcheck = false
  // What was written is sent already.
  for (const event of ['input', 'compositionend'])
    field.addEventListener(event, () => setTimeout(() => (field.value = ''), 0))
  return field
}
