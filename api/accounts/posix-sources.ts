import type { Trx } from '../../db/connect.ts'
import { setPosix } from '../../db/posix.ts'
import type { AccountId } from '../../domain/ids.ts'
import { posixOfClaim, readPosix } from '../../domain/posix.ts'
import type { PosixReading, PosixRule, PosixSource } from '../../domain/posix.ts'
import type { Directory } from '../../ports/identity/directory/directory.ts'
import type { Log } from '../deps.ts'

/** What was found out about somebody, the strongest source first. A source that was not asked, or did not answer, is not in it. */
export type PosixFindings = readonly { readonly source: PosixSource; readonly reading: PosixReading }[]

/** What an issuer says of somebody who signs in. */
export interface PosixSaid {
  /** What its claim says; `undefined`: none is asked of it, and it says nothing for or against. */
  readonly claim: { readonly value: unknown } | undefined
  /** By which login the user office knows them; `null`: nobody said that decides it. */
  readonly officeLogin: string | null
}

/** Whom somebody who signs in is to the site's file systems, as an issuer and the site's directories say it. */
export interface PosixSources {
  /**
   * Asks the site's directories, before any transaction: what they know of the office login, beside what the claim says. Never throws, and takes no longer than a directory may.
   */
  find(said: PosixSaid): Promise<PosixFindings>
  /** Sets what was found, as far as nobody stronger said otherwise. What may not be is told to operators, and changes nothing. */
  settle(trx: Trx, accountId: AccountId, findings: PosixFindings): Promise<void>
}

interface Sources {
  readonly rule: PosixRule
  readonly directories: Readonly<Partial<Record<'ldap' | 'csv', Directory>>>
  readonly log: Pick<Log, 'warn'>
  readonly now?: () => number
}

/** So long a directory that did not answer is not asked again: nobody else waits for it meanwhile. */
const restMs = 30_000

export function createPosixSources({ rule, directories, log, now = Date.now }: Sources): PosixSources {
  const restsUntil = new Map<PosixSource, number>()

  const ask = async (source: 'ldap' | 'csv', login: string): Promise<PosixReading | null> => {
    const directory = directories[source]
    if (directory === undefined || (restsUntil.get(source) ?? 0) > now()) return null
    const answer = await directory.lookUp(login)
    switch (answer.kind) {
      case 'found':
        return readPosix(answer.words, rule)
      case 'absent':
        return { kind: 'none' }
      case 'ambiguous':
        return { kind: 'refused', faults: [{ field: 'login', message: 'There are several.' }] }
      case 'unavailable':
        restsUntil.set(source, now() + restMs)
        log.warn({ source, detail: answer.detail }, 'A directory of users did not answer.')
        return null
      default:
        return answer satisfies never
    }
  }

  return {
    async find({ claim, officeLogin }) {
      const claimed =
        claim === undefined ? [] : [{ source: 'claim' as const, reading: posixOfClaim(claim.value, rule) }]
      if (officeLogin === null) return claimed
      const [ldap, csv] = await Promise.all([ask('ldap', officeLogin), ask('csv', officeLogin)])
      return [
        ...claimed,
        ...(ldap === null ? [] : [{ source: 'ldap' as const, reading: ldap }]),
        ...(csv === null ? [] : [{ source: 'csv' as const, reading: csv }]),
      ]
    },
    async settle(trx, accountId, findings) {
      for (const { source, reading } of findings) {
        if (reading.kind === 'refused') {
          const fields = reading.faults.map((fault) => fault.field)
          log.warn({ accountId, source, fields }, 'A POSIX user was refused.')
          continue
        }
        const posix = reading.kind === 'none' ? null : reading.posix
        const outcome = await setPosix(trx, accountId, posix, source, { rule })
        if (outcome.kind === 'taken')
          log.warn({ accountId, source, field: outcome.field }, "A POSIX user was refused: it is another account's.")
      }
    },
  }
}
