import { CompiledQuery } from 'kysely'
import type { Executor } from './connect.ts'

/**
 * A statement whose text stands fast: it is not built anew for each call, which costs more than sending it. For the few that
 * most requests consist of; `Row` is what the text selects.
 */
export const statement =
  <Row>(text: string) =>
  async (executor: Executor, parameters: readonly unknown[]): Promise<readonly Row[]> => {
    const { rows } = await executor.executeQuery(CompiledQuery.raw(text, [...parameters]))
    // What a text selects no type knows.
    return rows as Row[]
  }
