import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'

/** Where pictures of doors are kept when a run is to make them; without it none are made. */
const directory = process.env['DOOR_PICTURES']
const patience = { timeout: 60_000 }

/** Keeps what the page shows as `<name>.png`, for the documentation. */
export async function takePicture(page: Page, name: string): Promise<void> {
  if (directory === undefined) return
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, `${name}.png`), await standing(page))
}

/** What the page shows when nothing moves on it any more, or after some seconds. */
async function standing(page: Page): Promise<Buffer> {
  let last = await page.screenshot()
  for (let look = 0; look < 10; look++) {
    await delay(700)
    const now = await page.screenshot()
    if (now.equals(last)) break
    last = now
  }
  return last
}

/** Writes into a notebook of JupyterLab by hand, runs it, and keeps what is seen. */
export async function pictureOfNotebook(page: Page): Promise<void> {
  if (directory === undefined) return
  await page.setViewportSize({ width: 1_100, height: 720 })
  await page.click('.jp-LauncherCard[data-category="Notebook"]', patience)
  await page.waitForSelector('.jp-Notebook .jp-CodeCell .cm-content', patience)
  await page.click('.jp-Notebook .jp-CodeCell .cm-content')
  await page.keyboard.type('import socket\nprint(f"6 * 7 = {6 * 7}, computed by {socket.gethostname()}")')
  // What is run before its kernel is there is not run at all.
  await page.waitForSelector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', { ...patience, state: 'attached' })
  await page.keyboard.press('Shift+Enter')
  await page.waitForSelector('.jp-OutputArea-output', patience)
  // It asks at some moment whether it may tell news; a release that does not ask is as welcome.
  const news = page.getByRole('button', { name: 'No', exact: true })
  await news.click({ timeout: 10_000 }).catch(() => undefined)
  await takePicture(page, 'notebook-door')
}
