import { expect, test } from 'vitest'
import { canonicalEmail } from '../../../domain/email.ts'

test.each([
  ['ada@site.example', 'ada@site.example'],
  ['  Ada.Lovelace+carrel@Site.Example ', 'ada.lovelace+carrel@site.example'],
  ['ada@MÜNCHEN.example', 'ada@xn--mnchen-3ya.example'],
  ["o'neil@site.example", "o'neil@site.example"],
])('%s is kept as %s', (text, canonical) => {
  expect(canonicalEmail(text)).toBe(canonical)
  expect(canonicalEmail(canonical)).toBe(canonical)
})

test.each([
  '',
  'ada',
  '@site.example',
  'ada@',
  'ada@localhost',
  'ada@127.0.0.1',
  'ada@[127.0.0.1]',
  'ada@site.example:25',
  'ada@site.example/x',
  'ada@evil.example@site.example',
  'ada@site..example',
  '.ada@site.example',
  'ada lovelace@site.example',
  'ada@site.example\r\nBcc: eve@evil.example',
  'ada@site.example,eve@evil.example',
  '"ada"@site.example',
  'ädä@site.example',
  `${'a'.repeat(65)}@site.example`,
  `ada@${'a'.repeat(250)}.example`,
])('%s is no address that mail is sent to', (text) => {
  expect(canonicalEmail(text)).toBe(null)
})
