import { membersOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'

const always = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]

/** The names of headers that are about one connection and end with it: the known ones, and those that `Connection` names. */
export const hopByHop = (raw: RawHeaders): ReadonlySet<string> => new Set([...always, ...membersOf(raw, 'connection')])

/** A name as careless servers compare it: without regard to case, and `_` is `-`. */
export const looseName = (name: string): string => name.toLowerCase().replaceAll('_', '-')
