import type { BrowserContext, Page } from 'playwright-core'

/** Everything that a page is told or says, as far as its browser shows it. */
export interface Witness {
  /** How much was heard, so that silence proves nothing. */
  readonly heard: { answers: number; frames: number }
  /** Where a text was met; nowhere is what is to be shown. */
  met(text: string): Promise<readonly string[]>
}

/** Listens to a page: addresses, answers with their headers and bodies, WebSocket frames; at the end also what is kept. */
export function listenTo(page: Page, context: BrowserContext): Witness {
  const said: [where: string, text: string | Buffer][] = []
  const bodies: Promise<void>[] = []
  const heard = { answers: 0, frames: 0 }
  page.on('framenavigated', (frame) => said.push(['an address', frame.url()]))
  page.on('request', (request) => {
    said.push(['the address of a request', request.url()], ['the body of a request', request.postData() ?? ''])
  })
  page.on('response', (response) => {
    said.push([`headers of ${response.url()}`, JSON.stringify(response.headers())])
    const read = async () => {
      // A redirect has none, and the browser forgets those of a page that was left.
      const body = await response.body().catch(() => null)
      if (body === null) return
      heard.answers += 1
      said.push([`the answer of ${response.url()}`, body])
    }
    bodies.push(read())
  })
  page.on('websocket', (socket) => {
    said.push(['the address of a socket', socket.url()])
    const frame = ({ payload }: { payload: string | Buffer }) => {
      heard.frames += 1
      said.push([`a frame of ${socket.url()}`, payload])
    }
    socket.on('framereceived', frame).on('framesent', frame)
  })
  return {
    heard,
    async met(text) {
      await Promise.all(bodies)
      const kept: typeof said = [
        ['the page', await page.content()],
        ['the address bar', page.url()],
        [
          'what scripts see',
          await page.evaluate('JSON.stringify([document.cookie, {...sessionStorage}, history.state])'),
        ],
        ['what the browser keeps', JSON.stringify(await context.storageState({ indexedDB: true }))],
      ]
      const needle = Buffer.from(text)
      return [...said, ...kept].flatMap(([where, what]) => (Buffer.from(what).includes(needle) ? [where] : []))
    },
  }
}
