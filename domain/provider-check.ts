/** What the check of a provider may find. One closed list for us, open to growth for clients. */
export const checkCodes = [
  /** The backend does not answer, or not in its own words. */
  'unreachable',
  'credentials_refused',
  /** They are good now and will not be for long. */
  'credentials_expiring',
  /** What the credentials may not do there: `create pods`. */
  'permission_missing',
  /** The backend, or an interface of it, is older or newer than what Carrel speaks. */
  'version_unsupported',
  /** Nothing, or next to nothing, is left of what the backend grants: `cores`. */
  'quota_exhausted',
  /** What the settings or a template name and the backend does not have: `flavor m1.small`. */
  'named_missing',
  /** An image of a template. */
  'image_missing',
  /** The backend would run sessions, and not keep apart what it should: `network policies`. */
  'not_enforced',
  'clock_skewed',
  /** What could not be found out, and so may be as well. */
  'not_checked',
  /** The worker could not make the driver: by its settings, its secrets, or because the kind is not allowed there. */
  'settings_invalid',
  'secrets_unreadable',
  'kind_refused',
  /** No worker serves the provider. */
  'unserved',
  /** The check itself did not come to an end. */
  'check_failed',
] as const
export type CheckCode = (typeof checkCodes)[number]

/** One thing that is missing or doubtful. Codes and names of things; never the backend's words, and nothing secret. */
export interface CheckFinding {
  readonly code: CheckCode
  /** `missing`: sessions will fail for it. `warning`: some may, or will one day. */
  readonly level: 'missing' | 'warning'
  /** What it is about, by a name of the settings, of a template or of the backend's interface; one line. */
  readonly about?: string
}

/** `passed`: nothing is missing; there may be warnings. `failed`: something is. */
export type CheckOutcome = 'passed' | 'failed'

const mostFindings = 100
const longestName = 200

/** What of the findings is kept: each once, names on one line and of bounded length, what is missing first. */
export function tidyFindings(findings: readonly CheckFinding[]): CheckFinding[] {
  const tidy = findings.map(({ code, level, about }): CheckFinding => {
    const name = about === undefined ? '' : oneLine(about)
    return { code, level, ...(name === '' ? {} : { about: name }) }
  })
  const distinct = new Map(tidy.map((finding) => [JSON.stringify(finding), finding]))
  const rank = ({ level }: CheckFinding) => (level === 'missing' ? 0 : 1)
  return [...distinct.values()].sort((a, b) => rank(a) - rank(b)).slice(0, mostFindings)
}

const oneLine = (text: string): string =>
  text
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, longestName)

export const outcomeOf = (findings: readonly CheckFinding[]): CheckOutcome =>
  findings.some(({ level }) => level === 'missing') ? 'failed' : 'passed'
