import { stillHolds } from '../../db/bearers.ts'
import { changedInvitations } from '../../db/invitations.ts'
import type { InvitationsOf, InvitationVersions } from '../../db/invitations.ts'
import type { AppContext } from '../env.ts'
import type { Followed } from '../events/follow.ts'
import { actsForActive } from '../events/standing.ts'
import { presentInvitation } from './schemas.ts'

/** Of older ones nothing is told: next to all of them are over. */
const newest = 200

/**
 * Invitations as a stream follows them: the newest as they are, then each that is another. It is told how they stand, not what
 * happened, so whoever comes back has missed nothing. `of` is asked at every look: whose they are may change.
 */
export function followInvitations(c: AppContext, of: () => Promise<InvitationsOf>): Followed<InvitationVersions> {
  const { services, principal } = c.var
  return {
    place: new Map(),
    startId: null,
    async read(known) {
      const { changed, now } = await changedInvitations(services.db, await of(), known, newest)
      const frames = changed.map((invitation) => ({
        id: `${invitation.id}.${now.get(invitation.id) ?? 0}`,
        event: 'invitation',
        data: presentInvitation(invitation),
      }))
      return { frames, place: now, more: false, ended: false }
    },
    mayGoOn: async () => (await stillHolds(services.db, principal.tokenId)) && (await actsForActive(c)),
    onNews: (heard) => services.listener.on('carrel_invitation', heard),
  }
}
