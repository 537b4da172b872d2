import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import { goThrough, goTo, launchChromium, leftOut, persisting } from '../support/doors/chromium.ts'
import { runInKernel, uploadAndRead } from '../support/doors/jupyter.ts'
import { startNotebooks } from '../support/doors/notebooks.ts'
import type { Notebooks } from '../support/doors/notebooks.ts'
import { pictureOfNotebook } from '../support/doors/picture.ts'
import { listenTo } from '../support/doors/witness.ts'
import type { Witness } from '../support/doors/witness.ts'

const patience = { timeout: 60_000 }

describe.skipIf(leftOut)('notebooks behind their doors, in a browser', () => {
  let notebooks: Notebooks
  let browser: Browser
  let context: BrowserContext
  let first: Opened
  let second: Opened

  interface Opened {
    readonly id: SessionId
    readonly url: URL
    readonly page: Page
    readonly witness: Witness
  }

  /** Follows the address that opens the door once, until JupyterLab is there. */
  async function open(id: SessionId): Promise<Opened> {
    const page = await context.newPage()
    const witness = listenTo(page, context)
    let url = new URL('about:blank')
    const address = async () => (url = new URL(await notebooks.open(id))).href
    await goThrough(page, address, ({ pathname }) => pathname.startsWith('/lab'))
    await vi.waitFor(async () => {
      await persisting(
        async () => await page.waitForSelector('.jp-LabShell', { timeout: 15_000 }).catch(() => page.reload()),
      )
      expect(await page.locator('.jp-LabShell').count()).toBe(1)
    }, patience)
    return { id, url, page, witness }
  }

  beforeAll(async () => {
    ;[notebooks, browser] = await Promise.all([startNotebooks(), launchChromium()])
    context = await browser.newContext()
    const ids = await Promise.all([notebooks.start(), notebooks.start()])
    first = await open(ids[0])
    second = await open(ids[1])
  }, 10 * 60_000)
  afterAll(async () => {
    await browser?.close()
    await notebooks?.close()
  }, 5 * 60_000)

  test('the ticket becomes a cookie of this one host, and leaves the address', async () => {
    const ticket = new URLSearchParams(first.url.hash.slice(1)).get('ticket') ?? ''
    expect(ticket).toMatch(/^ct_/)
    expect(first.page.url()).not.toContain('ct_')
    expect(new URL(first.page.url()).origin).toBe(first.url.origin)
    const cookies = await context.cookies(first.url.origin)
    const passes = cookies.filter(({ name }) => name === '__Host-carrel_door')
    expect(passes).toMatchObject([
      { domain: first.url.hostname, path: '/', httpOnly: true, secure: true, sameSite: 'Lax' },
    ])
    expect(await first.page.evaluate('document.cookie')).not.toContain('carrel_door')
    // The link that was followed, and the one request that redeems it; nothing that is kept or comes back.
    expect(await first.witness.met(ticket)).toEqual(['an address', 'the body of a request'])
  })

  test('a kernel of each runs, both at once', async () => {
    const run = async ({ page, url: { host } }: Opened, code: string) =>
      await persisting(async () => await page.evaluate(runInKernel, { code, host }))
    expect(await Promise.all([run(first, '6*7'), run(second, '6*7+1')])).toEqual(['42', '43'])
    await pictureOfNotebook(first.page)
  })

  test('a file of 50 MB goes in, in pieces, and comes out the same; the other session has none of it', async () => {
    const ask = { path: 'large.bin', mib: 50 }
    const { sent, back, bytes } = await persisting(async () => await first.page.evaluate(uploadAndRead, ask))
    expect([back, bytes]).toEqual([sent, 50 * 1024 * 1024])
    const elsewhere = async () => await second.page.evaluate(async () => (await fetch('/files/large.bin')).status)
    expect(await persisting(elsewhere)).toBe(404)
  })

  test('no page, answer, address, frame or storage has the secret of a session, nor the pass', async () => {
    for (const { id, witness, url } of [first, second]) {
      expect(witness.heard.answers).toBeGreaterThan(10)
      expect(witness.heard.frames).toBeGreaterThan(2)
      expect(await witness.met(await notebooks.secretOf(id))).toEqual([])
      const pass = (await context.cookies(url.origin)).find(({ name }) => name === '__Host-carrel_door')
      expect(await witness.met(pass?.value ?? '')).toEqual(['what the browser keeps'])
    }
  })

  test('a ticket opens once', async () => {
    const other = await browser.newContext()
    const page = await other.newPage()
    await goTo(page, first.url.href)
    await vi.waitFor(async () => expect(await page.textContent('body')).toMatch(/used|again|portal/i), patience)
    expect(await other.cookies()).toEqual([])
    await other.close()
  })
})
