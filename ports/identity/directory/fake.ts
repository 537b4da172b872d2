import type { PosixWords } from '../../../domain/posix.ts'
import type { Directory } from './directory.ts'

/** A directory in memory, for development and tests. */
export interface FakeDirectory extends Directory {
  /** `null`: it is away until it is given something again. */
  set(entries: Readonly<Record<string, PosixWords>> | null): void
}

export function createFakeDirectory(entries: Readonly<Record<string, PosixWords>> = {}): FakeDirectory {
  let known: Readonly<Record<string, PosixWords>> | null = entries
  return {
    set: (next) => (known = next),
    async lookUp(login) {
      if (known === null) return { kind: 'unavailable', detail: 'It is away.' }
      const words = Object.hasOwn(known, login) ? known[login] : undefined
      return words === undefined ? { kind: 'absent' } : { kind: 'found', words }
    },
  }
}
