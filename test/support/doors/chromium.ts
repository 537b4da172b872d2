import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

/** Without a browser nothing is proven; with CI=true the tests run, and fail. */
export const leftOut = executablePath === undefined && process.env['CI'] !== 'true'
if (executablePath === undefined)
  console.warn('!! CHROMIUM IS NOT INSTALLED: nothing is proven in a browser. With CI=true that is a failure.')

const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync']

export async function launchChromium(...more: readonly string[]): Promise<Browser> {
  if (executablePath === undefined) throw new Error('Chromium is not installed: apt-get install chromium')
  return await chromium.launch({ executablePath, args: [...quiet, ...more] })
}

/** What a browser says of requests that it gave up by itself. */
const givenUp = /ERR_NETWORK_CHANGED|Failed to fetch|interrupted by another navigation/

/** Chromium gives up what it is loading when the machine gets a new network, as it does from every container. */
export async function persisting<T>(deed: () => Promise<T>, tries = 5): Promise<T> {
  try {
    return await deed()
  } catch (error) {
    if (tries === 0 || !(error instanceof Error) || !givenUp.test(error.message)) throw error
    return await persisting(deed, tries - 1)
  }
}

export const goTo = async (page: Page, url: string): Promise<void> =>
  await persisting(async () => void (await page.goto(url)))

const throughMs = 10_000

/** Goes through a door by an address that opens it once; where that comes to nothing, by a new one. */
export async function goThrough(
  page: Page,
  address: () => Promise<string>,
  isThrough: (url: URL) => boolean,
  tries = 5,
): Promise<void> {
  await goTo(page, await address())
  try {
    await page.waitForURL(isThrough, { timeout: throughMs })
  } catch (error) {
    if (tries === 0) throw error
    await goThrough(page, address, isThrough, tries - 1)
  }
}
