import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorCodes } from '../../domain/errors.ts'

const guide = readFileSync(new URL('../../docs/api-guide.md', import.meta.url), 'utf8')
const rows = [...guide.matchAll(/^\| ([\d, ]+) \| (.*) \|$/gm)].map(([, statuses = '', codes = '']) => ({
  statuses: statuses.split(', '),
  codes: [...codes.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code),
}))

test.each(Object.entries(errorCodes))('the API guide has the code %s in its row of %i', (code, status) => {
  expect(rows.filter(({ codes }) => codes.includes(code)).map(({ statuses }) => statuses)).toEqual([
    expect.arrayContaining([String(status)]),
  ])
})
