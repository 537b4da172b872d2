import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createProgress } from '../../../stack/progress.ts'

function recorded(live: boolean) {
  let text = ''
  const output = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  return { progress: createProgress({ output, live, columns: 60 }), text: () => text }
}

test('without a terminal: plain lines with the time, and nothing is rewritten', async () => {
  const { progress, text } = recorded(false)
  await progress.step('PostgreSQL', (say) => Promise.resolve(say('making the cluster')))
  progress.now('pulling layer 3/7')
  const lines = text().trimEnd().split('\n')
  expect(lines.map((line) => line.replace(/^\[ +\d+\.\d s\] /, '').replace(/\d\.\d s/, 'N s'))).toEqual([
    'PostgreSQL …',
    'PostgreSQL: making the cluster',
    'PostgreSQL: ok (N s)',
    'pulling layer 3/7',
  ])
  expect(['\r', '\u001b'].filter((sign) => text().includes(sign))).toEqual([])
})

test('without a terminal a step that talks much fills no log', async () => {
  const { progress, text } = recorded(false)
  await progress.step('pip', (say) => {
    for (let n = 0; n < 1_000; n++) say(`collecting ${n}`)
    return Promise.resolve()
  })
  expect(text().trimEnd().split('\n').length).toBeLessThan(10)
})

test('on a terminal the spinner is wiped before a line is written, and fits its width', async () => {
  const { progress, text } = recorded(true)
  await progress.step('PostgreSQL', (say) => Promise.resolve(say('x'.repeat(200))))
  const last = text().split('\r').at(-1) ?? ''
  expect(last.startsWith('\u001b[2K[')).toBe(true)
  expect(last).toMatch(/\d+\.\d s\] PostgreSQL: ok/)
  for (const frame of text().split('\r\u001b[2K')) expect(frame.length).toBeLessThanOrEqual(61)
})

test('a step that fails says so, and the failure goes on', async () => {
  const { progress, text } = recorded(false)
  await expect(progress.step('Temporal', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(text()).toContain('Temporal: FAILED')
})
