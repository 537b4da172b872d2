import { meaningOf } from './words.js'

const firstDelayMs = 500
const longestDelayMs = 15_000
/** After so many in a row somebody has to ask. */
const mostTries = 12

/** How long to wait before a try: doubling, and not all at the same moment. */
export function delayBefore(tries, random = Math.random) {
  const usual = Math.min(firstDelayMs * 2 ** tries, longestDelayMs)
  return Math.round(usual * (0.75 + random() / 2))
}

/**
 * Keeps a desktop open: opens it, and opens it again where the reason of its end allows it. `open(ended)` begins one and
 * answers a function that ends it; `allowed()` asks the gateway whether this visit still counts, and says `yes`, `no` or
 * `unknown`; `told(state)` hears of each change.
 */
export function createConnection({ open, allowed, told }) {
  let tries = 0
  let timer = 0
  let stop = null
  let turn = 0

  const ended = ({ word }) => {
    stop = null
    const meaning = meaningOf(word)
    if (meaning.retry !== 'again' || tries >= mostTries) return told({ kind: 'ended', word, ...meaning })
    const delay = delayBefore(tries)
    tries += 1
    told({ kind: 'waiting', word, ...meaning, delay })
    timer = setTimeout(begin, delay)
  }
  const begin = async () => {
    clearTimeout(timer)
    turn += 1
    const mine = turn
    told({ kind: 'opening', tries })
    const verdict = await allowed()
    if (mine !== turn) return
    if (verdict === 'no') return told({ kind: 'gone' })
    if (verdict === 'unknown') return ended({ word: 'gateway_lost' })
    stop = open((end) => mine === turn && ended(end))
  }
  return {
    begin: () => {
      tries = 0
      return begin()
    },
    /** The desktop is there: what comes next is a new failure. */
    arrived() {
      tries = 0
      told({ kind: 'open' })
    },
    leave() {
      turn += 1
      clearTimeout(timer)
      stop?.()
      stop = null
      told({ kind: 'ended', word: 'left', ...meaningOf('left') })
    },
  }
}
