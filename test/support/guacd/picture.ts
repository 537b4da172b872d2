import { inflateSync } from 'node:zlib'

const signature = Buffer.from('89504e470d0a1a0a', 'hex')

/** Whether a PNG, as guacd draws with, has more than one value in it: letters on a ground, not an empty screen. */
export function showsSomething(png: Buffer): boolean {
  if (!png.subarray(0, 8).equals(signature)) return false
  const data: Buffer[] = []
  for (let at = 8; at + 8 <= png.length; at += 12 + png.readUInt32BE(at))
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)))
  // The filters of rows are among the values: an empty picture has one for the first row, one for all others, and its ground.
  return new Set(inflateSync(Buffer.concat(data))).size > 6
}
