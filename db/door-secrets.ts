import { createHash, randomBytes } from 'node:crypto'

const newSecret = (prefix: string): string => `${prefix}_${randomBytes(32).toString('base64url')}`

/** A new ticket, and a new pass: 32 random bytes each. What is stored of them is a hash. */
export const newTicket = (): string => newSecret('ct')
export const newPass = (): string => newSecret('cp')

/** What an instance reports its ports with. */
export const newReportToken = (): string => newSecret('cr')

/** What such a token looks like: anything else is not worth a query. */
export const looksLikeReportToken = (text: string): boolean => /^cr_[A-Za-z0-9_-]{43}$/.test(text)

/** 32 random bytes need no slow hash. */
export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
