import type { Screen } from './handshake.ts'

/** What a browser says about itself when it opens a desktop. */
export interface DesktopRequest {
  readonly screen: Screen
  readonly timezone: string | null
  /** Its user was told that what is seen is recorded. */
  readonly recordingAcknowledged: boolean
}

/** Pixels: more than any screen has, and less than what would fill guacd's memory. */
export const longestSide = 8_192
const shortestSide = 64

/** Reads the query of a tunnel's address. What is missing or senseless becomes what is usual. */
export function desktopRequest(target: string): DesktopRequest {
  const [, query = ''] = target.split('?', 2)
  const searchParams = new URLSearchParams(query)
  const number = (name: string, usual: number, least: number, most: number): number => {
    const text = searchParams.get(name) ?? ''
    return /^\d{1,5}$/.test(text) ? Math.min(Math.max(Number(text), least), most) : usual
  }
  const timezone = searchParams.get('timezone') ?? ''
  return {
    screen: {
      width: number('width', 1_280, shortestSide, longestSide),
      height: number('height', 800, shortestSide, longestSide),
      dpi: number('dpi', 96, 48, 480),
    },
    timezone: /^[A-Za-z0-9_+/-]{1,64}$/.test(timezone) ? timezone : null,
    recordingAcknowledged: searchParams.get('recording') === 'acknowledged',
  }
}
