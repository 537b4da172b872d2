import type { Outcome } from '../sign-in/complete.ts'

/** What Carrel's own pages say where a sign-in led to nothing. */
export const signInFailureSentences = {
  sign_in_cancelled: 'Signing in was cancelled.',
  sign_in_expired: 'That took too long, or was done before.',
  other_browser: 'That was begun in another browser, and nothing was done.',
  provider_unavailable: 'Where you wanted to sign in does not answer now.',
  provider_answer_invalid:
    'Where you wanted to sign in gave an answer that does not hold. If it does so again, tell whoever runs this site.',
  not_in_group: 'You are known there, but in none of the groups that are let in here.',
  not_admitted: 'You are known there, but have no account here.',
  account_disabled: 'Your account has been disabled.',
  identity_taken: "Whoever you signed in as there is another account's.",
  too_many_identities: 'Your account has as many identities as it may have.',
  not_signed_in: 'You were not signed in any more as who began that.',
} as const satisfies Readonly<Record<NonNullable<Outcome['failure']>, string>>

/** Of a code that is of another day. */
export const otherFailureSentence = 'Signing in did not work.'
