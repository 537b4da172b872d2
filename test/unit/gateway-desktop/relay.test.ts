import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Browser } from '../../../gateway/desktop/browser.ts'
import { createFilter } from '../../../gateway/desktop/filter.ts'
import type { GuacdLink, LinkEnd } from '../../../gateway/desktop/guacd-link.ts'
import { encodeInstruction } from '../../../gateway/desktop/instructions.ts'
import type { Instruction } from '../../../gateway/desktop/instructions.ts'
import { createRelay, relayLimits } from '../../../gateway/desktop/relay.ts'

const said = (opcode: string, ...args: string[]): Instruction => ({
  opcode,
  args,
  raw: Buffer.from(encodeInstruction(opcode, ...args)),
})

/** A relay between two sides that note what is done to them. `takes`: whether a side takes more at once. */
function stage(mode: 'control' | 'view', users = 1) {
  const noted: string[] = []
  const takes = { guacd: true, browser: true }
  const tell = {
    guacd: () => undefined as void,
    browser: () => undefined as void,
    linkEnd: (_: LinkEnd) => undefined as void,
  }
  const link: GuacdLink = {
    take: () => undefined,
    connected: () => Promise.resolve(null),
    ended: (told) => (tell.linkEnd = told),
    send: (bytes) => (noted.push(`> ${bytes.toString()}`), takes.guacd),
    drained: (told) => (tell.guacd = told),
    pause: () => noted.push('guacd waits'),
    resume: () => noted.push('guacd goes on'),
    close: () => noted.push('guacd closed'),
  }
  const browser: Browser = {
    send: (batch) => (noted.push(`< ${batch.map(({ opcode }) => opcode).join(' ')}`), takes.browser),
    open: () => undefined,
    drained: (told) => (tell.browser = told),
    pause: () => noted.push('browser waits'),
    resume: () => noted.push('browser goes on'),
    close: () => undefined,
  }
  const relay = createRelay({
    link,
    browser,
    filter: createFilter(mode, { copy: true, paste: true, upload: false, download: false }),
    usersNow: () => users,
    input: () => noted.push('input'),
    ended: (end) => noted.push(`ended ${end}`),
  })
  return { relay, noted, takes, tell }
}

describe('the relay', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('passes what is allowed, in one piece, and counts input', () => {
    const { relay, noted } = stage('control')
    relay.up([said('sync', '7'), said('key', '97', '1'), said('file', '1', 'a', 'b'), said('mouse', '1', '2', '0')])
    relay.down([said('img', '1'), said('file', '1', 'a', 'b'), said('sync', '8')])
    expect(noted).toEqual([
      ...['input', 'input', '> 4.sync,1.7;3.key,2.97,1.1;5.mouse,1.1,1.2,1.0;'],
      ...['> 3.ack,1.1,9.FORBIDDEN,3.771;', '< img sync'],
    ])
  })

  test('of one who only looks nothing is input', () => {
    const { relay, noted } = stage('view')
    relay.up([said('key', '97', '1'), said('mouse', '1', '2', '1'), said('size', '1', '1')])
    expect(noted).toEqual([])
    relay.up([said('sync', '7')])
    expect(noted).toEqual(['> 4.sync,1.7;'])
  })

  test('guacd waits for the browser, and the browser for guacd', () => {
    const { relay, noted, takes, tell } = stage('control')
    takes.browser = false
    relay.down([said('img', '1')])
    relay.down([said('sync', '1')])
    tell.browser()
    takes.guacd = false
    relay.up([said('nop')])
    relay.up([said('nop')])
    tell.guacd()
    expect(noted).toEqual([
      ...['< img', 'guacd waits', '< sync', 'guacd goes on'],
      ...['> 3.nop;', 'browser waits', '> 3.nop;', 'browser goes on'],
    ])
  })

  test.each([
    [1, relayLimits.slowMs],
    [2, relayLimits.slowAmongOthersMs],
  ])('of %d who see it, one who does not keep up for %d ms is ended', (users, limit) => {
    const { relay, noted, takes } = stage('control', users)
    takes.browser = false
    relay.down([said('img', '1')])
    vi.advanceTimersByTime(limit - 500)
    expect(noted.some((note) => note.startsWith('ended'))).toBe(false)
    vi.advanceTimersByTime(1_500)
    expect(noted.slice(-2)).toEqual(['guacd closed', 'ended browser_slow'])
  })

  test('guacd hears something every 5 s, until it is over', () => {
    const { relay, noted } = stage('view')
    vi.advanceTimersByTime(10_000)
    expect(noted).toEqual(['> 3.nop;', '> 3.nop;'])
    relay.stop()
    vi.advanceTimersByTime(60_000)
    expect(noted.slice(2)).toEqual(['guacd closed'])
  })

  test.each([
    ['an error', [said('error', 'x', '515')], 'desktop_lost'],
    ['a good-bye', [said('disconnect')], 'desktop_closed'],
  ] as const)('%s of the desktop ends it in our words, and is not passed on', (_name, batch, end) => {
    const { relay, noted } = stage('control')
    relay.down(batch)
    relay.down([said('img', '1')])
    relay.up([said('key', '1', '1')])
    expect(noted).toEqual(['guacd closed', `ended ${end}`])
  })

  test('a viewer’s leave and guacd’s death end it, once', () => {
    const left = stage('view')
    left.relay.up([said('disconnect')])
    left.tell.linkEnd('left')
    expect(left.noted).toEqual(['guacd closed', 'ended left'])
    const died = stage('view')
    died.tell.linkEnd('closed')
    expect(died.noted).toEqual(['guacd closed', 'ended guacd_lost'])
  })
})
