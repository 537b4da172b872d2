import { createHash, randomBytes } from 'node:crypto'
import type { Db } from '../db/connect.ts'
import {
  areDoorsEnded,
  dropUse,
  endDoors,
  keepPassword,
  notedUses,
  noteUse,
  readToken,
  replaceToken,
} from '../db/outside-accounts.ts'
import type { AccountId } from '../domain/ids.ts'
import { outsidePassword, outsideToken } from '../platform/secrets.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { AccessAccounts, AccountToken } from '../ports/access/accounts.ts'

/** What a driver remembers of accounts at the gateway outside, in Postgres, its secrets sealed. */
export function createAccessAccounts(db: Db, secrets: Secrets): AccessAccounts {
  const token = async (accountId: AccountId): Promise<AccountToken | null> => {
    const kept = await readToken(db, accountId)
    if (kept === null) return null
    return { node: kept.node, value: secrets.decrypt(outsideToken(accountId), kept.sealed).toString() }
  }
  const password = async (accountId: AccountId): Promise<string> => {
    const made = secrets.encrypt(outsidePassword(accountId), randomBytes(32).toString('base64url'))
    const kept = await keepPassword(db, accountId, made)
    return secrets.decrypt(outsidePassword(accountId), kept).toString()
  }
  return {
    password,
    token,
    async swapToken(accountId, expected, next) {
      // The account's row holds both.
      await password(accountId)
      const sealed =
        next === null
          ? null
          : {
              node: next.node,
              sealed: secrets.encrypt(outsideToken(accountId), next.value),
              hash: hashOf(next.value),
            }
      await replaceToken(db, accountId, expected === null ? null : hashOf(expected.value), sealed)
      return await token(accountId)
    },
    noteUse: async (use) => await noteUse(db, use),
    dropUse: async (use) => await dropUse(db, use),
    usesOf: async (doors) => (await notedUses(db, doors)).map((use) => ({ ...use, deploymentId: doors.deploymentId })),
    usesBy: async (deploymentId, accountId) =>
      (await notedUses(db, { accountId })).map((use) => ({ ...use, deploymentId })),
    end: async (doors) => await endDoors(db, doors),
    isEnded: async (doors) => await areDoorsEnded(db, doors),
  }
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()
