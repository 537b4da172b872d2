import { reasonSentences } from '../../domain/lifecycle.ts'
import type { SessionState } from '../../domain/lifecycle.ts'
import type { Verdict } from '../doors.ts'

/** What Carrel itself answers at a door, to a person or to a program. */
export interface Notice {
  readonly status: number
  /** Which case it is: for programs, and as a label of the metric. */
  readonly code: string
  readonly title: string
  readonly sentences: readonly string[]
  readonly percent?: number | null
  readonly refreshSeconds?: number
  readonly retryAfterSeconds?: number
}

const again = 'Open it again from your portal.'

/** The cases that need nothing to be filled in. */
export const notices = {
  door_unknown: {
    status: 404,
    code: 'door_unknown',
    title: 'There is no such door',
    sentences: ['This address belongs to no session.', again],
  },
  not_found: {
    status: 404,
    code: 'not_found',
    title: 'There is nothing here',
    sentences: ['This page of the door does not exist.'],
  },
  malformed_request: {
    status: 400,
    code: 'malformed_request',
    title: 'This request cannot be read',
    sentences: ['It is not written as browsers write requests.'],
  },
  method_not_allowed: {
    status: 405,
    code: 'method_not_allowed',
    title: 'This cannot be done here',
    sentences: ['The method of the request is not one that this address knows.'],
  },
  not_implemented: {
    status: 501,
    code: 'not_implemented',
    title: 'This request cannot be passed on',
    sentences: ['Its body is coded in a manner that is not supported.'],
  },
  foreign_origin: {
    status: 403,
    code: 'foreign_origin',
    title: 'Another site asked for this',
    sentences: ['A door answers its own pages, and nobody else’s.'],
  },
  no_pass: {
    status: 401,
    code: 'no_pass',
    title: 'This door is closed in this browser',
    sentences: [again],
  },
  no_access: {
    status: 403,
    code: 'no_access',
    title: 'You have no access to this session any more',
    sentences: ['Your right to use it was withdrawn. Whoever owns the session can give it to you again.'],
  },
  unreachable: {
    status: 502,
    code: 'unreachable',
    title: 'The session cannot be reached',
    sentences: ['It is running, but what is behind this door does not answer. This page tries again by itself.'],
    refreshSeconds: 5,
    retryAfterSeconds: 5,
  },
  timeout: {
    status: 504,
    code: 'timeout',
    title: 'The session takes too long to answer',
    sentences: ['What is behind this door took the request and has not answered in time.'],
  },
  bad_answer: {
    status: 502,
    code: 'bad_answer',
    title: 'The session’s answer cannot be read',
    sentences: ['What is behind this door answered in a way that no browser understands.'],
  },
  request_timeout: {
    status: 408,
    code: 'request_timeout',
    title: 'The request came to a standstill',
    sentences: ['Nothing more of it arrived for too long.'],
  },
  headers_too_large: {
    status: 431,
    code: 'headers_too_large',
    title: 'The request is too large',
    sentences: ['Its headers are longer than a browser’s should be.'],
  },
  payload_too_large: {
    status: 413,
    code: 'payload_too_large',
    title: 'Nothing can be sent here',
    sentences: ['This address takes no content.'],
  },
  too_many_requests: {
    status: 429,
    code: 'too_many_requests',
    title: 'Too much is open at once',
    sentences: ['Close other windows of this session and try again.'],
    retryAfterSeconds: 5,
  },
  unavailable: {
    status: 503,
    code: 'unavailable',
    title: 'Carrel cannot look right now',
    sentences: ['Whether this door may be opened cannot be checked at the moment. This page tries again by itself.'],
    refreshSeconds: 5,
    retryAfterSeconds: 5,
  },
} as const satisfies Record<string, Notice>

const stateTitles: Partial<Record<SessionState, string>> = {
  queued: 'The session waits for its place',
  resuming: 'The session is being resumed',
}

/** What to say where a door does not open. */
export function noticeOf(verdict: Exclude<Verdict, { kind: 'open' }>): Notice {
  switch (verdict.kind) {
    case 'no_pass':
    case 'no_access':
      return notices[verdict.kind]
    case 'not_ready':
      if (verdict.state === 'pausing' || verdict.state === 'paused') return restOf(verdict.state)
      return {
        status: 503,
        code: 'not_ready',
        title: stateTitles[verdict.state] ?? 'The session is getting ready',
        sentences: [
          ...(verdict.progress === null ? [] : [verdict.progress.message]),
          'This page looks again by itself.',
        ],
        percent: verdict.progress?.percent ?? null,
        refreshSeconds: 2,
        retryAfterSeconds: 2,
      }
    case 'ended':
      return {
        status: 410,
        code: 'ended',
        title: 'This session has ended',
        sentences: [sentenceOf(verdict.reason), 'You can start another one from your portal.'],
      }
    default:
      return verdict satisfies never
  }
}

/** Nobody need ask often: it goes on when somebody resumes it. */
const restOf = (state: 'pausing' | 'paused'): Notice => ({
  status: 503,
  code: 'paused',
  title: state === 'paused' ? 'The session is paused' : 'The session is being paused',
  sentences: [
    state === 'paused'
      ? 'It can be resumed from your portal, and this door opens again then.'
      : 'Once it rests, it can be resumed from your portal, and this door opens again then.',
    'This page looks again by itself.',
  ],
  refreshSeconds: 5,
  retryAfterSeconds: 5,
})

const sentenceOf = (reason: string): string =>
  Object.entries(reasonSentences).find(([name]) => name === reason)?.[1] ?? `Why: ${reason}.`
