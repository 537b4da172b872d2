import { desktopParameters } from './door-check.ts'
import type { DoorSpec } from './template.ts'

/** What a template says to a desktop, the session's secret filled in. Without a word about a password it is the secret. */
export function templateParameters(spec: DoorSpec, secret: string | null): Readonly<Record<string, string>> {
  if (spec.protocol === 'http') return {}
  const allowed = new Set(desktopParameters[spec.protocol])
  const said = Object.entries(spec.parameters ?? {}).filter(([name]) => allowed.has(name))
  const password = spec.parameters?.['password'] ?? (secret === null ? '' : '{secret}')
  return Object.fromEntries([...said, ['password', password.replaceAll('{secret}', () => secret ?? '')]])
}
