import { expect, test } from 'vitest'
import { createLogger } from '../../../platform/logging.ts'

function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = []
  write(
    createLogger({ process: 'api', level: 'info', destination: { write: (line: string) => void lines.push(line) } }),
  )
  return lines.join('')
}

test('a line is JSON with level, time, process and message', () => {
  const line = JSON.parse(logged((log) => log.info({ sessionId: 'sabc' }, 'started'))) as Record<string, unknown>
  expect(line).toMatchObject({ level: 'info', process: 'api', msg: 'started', sessionId: 'sabc' })
  expect(new Date(String(line['time'])).getTime()).toBeGreaterThan(0)
})

test('secrets are cut by the name of their field', () => {
  const text = logged((log) =>
    log.info({
      token: 'hunter2',
      req: { headers: { authorization: 'hunter2', 'set-cookie': 'hunter2' } },
      body: { password: 'hunter2' },
    }),
  )
  expect(text).not.toContain('hunter2')
})

test('secrets are cut by their look, wherever they stand', () => {
  const secrets = [
    'carrel_abcdefgh12345678',
    'Bearer abc.def-ghi',
    'postgres://carrel:hunter2@127.0.0.1:5432/carrel',
    '/v1/admin/codec/abcdefghijklmnop/decode',
  ]
  const text = logged((log) => log.error({ err: new Error(secrets.join(' ')), url: secrets[3] }, secrets.join(' ')))
  for (const cut of ['abcdefgh12345678', 'abc.def-ghi', 'hunter2', 'abcdefghijklmnop']) expect(text).not.toContain(cut)
  expect(() => JSON.parse(text) as unknown).not.toThrow()
})
