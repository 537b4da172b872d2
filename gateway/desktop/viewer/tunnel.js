import Guacamole from './guacamole-common.js'
import { encodeInstruction, readInstructions } from './instructions.js'

const { State, INTERNAL_DATA_OPCODE: internal } = Guacamole.Tunnel
const pingEveryMs = 2_000
const silentMs = 20_000
const unstableMs = 6_000

/**
 * The library's tunnel in Carrel's terms: lengths in code points, the gateway's word for an end, and how long things take.
 * `onended({word, code})` is told once; `onlag(ms)` of each measured way to the gateway and back, drawing included.
 */
export function createTunnel(address) {
  const tunnel = new Guacamole.Tunnel()
  let socket = null
  let pulse = 0
  let heardAt = 0
  let drawnMs = 0
  let syncCameAt = null
  let over = false

  const finish = (word, code) => {
    if (over) return
    over = true
    clearInterval(pulse)
    tunnel.setState(State.CLOSED)
    socket?.close()
    tunnel.onended?.({ word, code })
  }
  const beat = () => {
    const silent = performance.now() - heardAt
    if (silent > silentMs) return finish('gateway_silent', 0)
    if (silent > unstableMs && tunnel.state === State.OPEN) tunnel.setState(State.UNSTABLE)
    if (socket.readyState === WebSocket.OPEN)
      socket.send(encodeInstruction(internal, 'ping', Math.round(performance.now())))
  }
  const hear = ([opcode, ...args]) => {
    if (opcode === internal) {
      if (args[0] === 'ping') return tunnel.onlag?.(performance.now() - Number(args[1]) + drawnMs)
      tunnel.setUUID(args[0])
      return tunnel.setState(State.OPEN)
    }
    if (opcode === 'sync') syncCameAt = performance.now()
    tunnel.oninstruction?.(opcode, args)
  }

  tunnel.connect = () => {
    tunnel.setState(State.CONNECTING)
    heardAt = performance.now()
    socket = new WebSocket(address, 'guacamole')
    pulse = setInterval(beat, pingEveryMs)
    socket.onopen = beat
    socket.onmessage = ({ data }) => {
      if (over) return
      heardAt = performance.now()
      if (tunnel.state === State.UNSTABLE) tunnel.setState(State.OPEN)
      try {
        readInstructions(data).forEach(hear)
      } catch (error) {
        console.error(error)
        finish('viewer_fault', 0)
      }
    }
    socket.onclose = ({ code, reason }) => finish(reason.split(' ')[1] ?? 'gateway_lost', code)
  }
  tunnel.sendMessage = (...elements) => {
    if (over || socket?.readyState !== WebSocket.OPEN || elements.length === 0) return
    if (elements[0] === 'sync' && syncCameAt !== null) {
      drawnMs = performance.now() - syncCameAt
      syncCameAt = null
    }
    socket.send(encodeInstruction(...elements))
  }
  tunnel.disconnect = () => finish('left', 1000)
  return tunnel
}
