import Guacamole from './guacamole-common.js'

/** As much as guacd keeps. */
const longest = 256 * 1024

/** The clipboard both ways: by the browser where it lets us, and by a panel with the text where not. */
export function createClipboard({ panel, can, notice }) {
  const { text, hint, send, read, write } = panel
  let client = null
  let known = ''

  const sendText = (words) => {
    if (client === null || !can.paste) return
    if (words.length > longest) return notice('This is too much for a clipboard of a desktop.')
    known = words
    const writer = new Guacamole.StringWriter(client.createClipboardStream('text/plain'))
    writer.sendText(words)
    writer.sendEnd()
  }
  const granted = async (name) => {
    const found = await navigator.permissions?.query({ name }).catch(() => null)
    return found?.state === 'granted'
  }
  const keep = (words) =>
    navigator.clipboard?.writeText(words).then(
      () => true,
      () => false,
    )

  text.readOnly = !can.paste
  send.hidden = !can.paste
  read.hidden = !can.paste || navigator.clipboard?.readText === undefined
  write.hidden = !can.copy || navigator.clipboard?.writeText === undefined
  hint.textContent = hintFor(can)
  send.addEventListener('click', () => {
    sendText(text.value)
    notice('Sent to the desktop.')
  })
  read.addEventListener('click', async () => {
    const words = await navigator.clipboard.readText().catch(() => null)
    if (words === null) return notice('The browser did not give its clipboard away.')
    text.value = words
    sendText(words)
    notice('Sent to the desktop.')
  })
  write.addEventListener('click', async () =>
    notice((await keep(text.value)) ? 'Copied.' : 'The browser did not allow it.'),
  )

  return {
    attach(next) {
      client = next
      next.onclipboard = (stream, type) => {
        if (!type.startsWith('text/')) return stream.sendAck?.('UNSUPPORTED', 0x0100)
        let words = ''
        const reader = new Guacamole.StringReader(stream)
        reader.ontext = (part) => (words += part)
        reader.onend = async () => {
          known = words
          text.value = words
          if (document.hasFocus() && !(await keep(words))) notice('The desktop copied text: see Clipboard.')
        }
      }
    },
    detach: () => (client = null),
    /** Whoever comes back to the page may bring something: taken where the browser has been told that we may. */
    async cameBack() {
      if (client === null || !can.paste || !(await granted('clipboard-read'))) return
      const words = await navigator.clipboard.readText().catch(() => '')
      if (words === '' || words === known) return
      text.value = words
      sendText(words)
    },
  }
}

function hintFor({ copy, paste }) {
  if (copy && paste) return 'What the desktop copies appears here; what you write here can be pasted there.'
  return copy
    ? 'What the desktop copies appears here. Nothing can be pasted into it.'
    : 'What you write here can be pasted on the desktop. Nothing can be copied out of it.'
}
