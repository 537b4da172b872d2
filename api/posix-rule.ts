import { usualPosixRule } from '../domain/posix.ts'
import type { PosixRule } from '../domain/posix.ts'
import type { ApiSettings } from './deps.ts'

/** What the site lets people be to its file systems. */
export const posixRuleOf = ({ posix }: Pick<ApiSettings, 'posix'>): PosixRule => posix ?? usualPosixRule
