import { answerOf, send, sendRaw, wantsPage } from './answer.ts'
import type { Desktop } from './dispatch.ts'
import type { DoorAccess } from './doors.ts'
import { ownHeaders } from './pages/layout.ts'
import { notices } from './pages/notices.ts'

export interface OutsideDeps {
  /** Where the account enters now, and its token there; `null`: nothing stands for it. */
  readonly entryOf: (access: DoorAccess) => Promise<{ readonly url: string; readonly token: string } | null>
  readonly frameAncestors: readonly string[]
  readonly warn: (message: string, error: unknown) => void
}

/**
 * Desktops that a gateway outside shows: every page of such a door leads there. The token stands in the fragment of the address,
 * which no server sees; it is nowhere else, and kept by nobody on the way.
 */
export function createOutsideDesktop({ entryOf, frameAncestors, warn }: OutsideDeps): Desktop {
  /** What is being asked: that may take seconds, and a page with all that belongs to it asks many times at once. */
  const asking = new Map<string, ReturnType<OutsideDeps['entryOf']>>()
  const entryFor = async (access: DoorAccess) => {
    const { sessionId, generation, door, mode, accountId } = access
    const use = JSON.stringify([sessionId, generation, door, mode, accountId])
    const asked = asking.get(use) ?? entryOf(access).finally(() => asking.delete(use))
    asking.set(use, asked)
    return await asked
  }
  return {
    async page(request, response, access) {
      const notice = (what: typeof notices.no_pass | typeof notices.unavailable) =>
        send(request, response, answerOf(what, wantsPage(request.method, request.rawHeaders), frameAncestors))
      try {
        const entry = await entryFor(access)
        if (entry === null) return notice(notices.no_pass)
        const location = `${entry.url}?token=${encodeURIComponent(entry.token)}`
        send(request, response, { status: 303, headers: [...ownHeaders, 'Location', location], body: '' })
      } catch (error) {
        warn('Where a desktop is opened outside could not be read.', error)
        notice(notices.unavailable)
      }
    },

    async tunnel(_request, socket) {
      sendRaw(socket, answerOf(notices.not_found, false, frameAncestors))
      await Promise.resolve()
    },
  }
}
