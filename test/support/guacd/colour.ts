import type { Page } from 'playwright-core'

/** How much of a picture (PNG) is of a colour, red, green and blue, from 0 to 1. The page only reckons: nothing of it changes. */
export async function shareOfColour(page: Page, picture: Buffer, colour: readonly number[]): Promise<number> {
  return await page.evaluate<number>(`(${share})('${picture.toString('base64')}', ${JSON.stringify(colour)})`)
}

/** Runs in a page, which may not be allowed to fetch anything. */
const share = `async (base64, [red, green, blue]) => {
  const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]))
  const context = new OffscreenCanvas(picture.width, picture.height).getContext('2d')
  context.drawImage(picture, 0, 0)
  const { data } = context.getImageData(0, 0, picture.width, picture.height)
  let found = 0
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) found += 1
  return found / (data.length / 4)
}`
