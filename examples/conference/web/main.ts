import type {} from '../../../plugin/dashboard/web/element.ts';
import type { Participant } from '../src/protocol.ts';
import { ConferenceClient } from './client.ts';
import { byId } from './dom.ts';
import { Microphone } from './microphone.ts';
import { OwnCall } from './own-call.ts';
import { People } from './people.ts';

const reconnectMs = 1500;

/** Of the server's dashboard, as any page embeds it. */
const dashboardScript = '/quality/mos-dashboard.js';
await import(/* @vite-ignore */ dashboardScript);

const joinForm = byId<HTMLFormElement>('join');
const joinButton = joinForm.querySelector('button') as HTMLButtonElement;
const nameInput = byId<HTMLInputElement>('name');
const controls = byId('controls');
const muteButton = byId<HTMLButtonElement>('mute');
const connection = byId('connection');
const message = byId('message');

let client: ConferenceClient | undefined;
let microphone: Microphone | undefined;
let joinedName: string | undefined;
let participants: readonly Participant[] = [];
/** By participant: what plays their audio. */
const players = new Map<string, HTMLAudioElement>();

const people = new People(byId('people'), (participantId) => toggleListening(participantId).catch(complain));
const ownCall = new OwnCall(complain);
const dashboard = document.createElement('mos-dashboard');
dashboard.addEventListener('mosevent', ({ detail }) => ownCall.handle(detail));

function complain(error: unknown): void {
  message.textContent = error instanceof Error ? error.message : String(error);
  message.hidden = false;
}

function render(): void {
  const own = client?.welcome.participantId;
  const sending = participants.find(({ participantId }) => participantId === own);
  connection.textContent = client ? 'Connected' : 'Connecting';
  connection.dataset.connected = String(client !== undefined);
  joinForm.hidden = joinedName !== undefined;
  joinButton.disabled = client === undefined;
  controls.hidden = joinedName === undefined;
  byId('own-name').textContent = joinedName ?? '';
  muteButton.hidden = !sending?.sending;
  muteButton.setAttribute('aria-pressed', String(sending?.muted ?? false));
  muteButton.textContent = sending?.muted ? 'Unmute' : 'Mute';
  byId('empty').hidden = participants.length > 0;
  dashboard.names = new Map(participants.map(({ participantId, name }) => [participantId, name]));
  people.show(participants, (participantId) => ({
    own: participantId === own,
    listening: players.has(participantId),
    canListen: joinedName !== undefined,
  }));
}

async function connect(): Promise<void> {
  const opened = await ConferenceClient.connect({
    impairable: true,
    onParticipants: (all) => {
      participants = all;
      for (const [participantId] of players) {
        if (!all.some((one) => one.participantId === participantId && one.sending)) stopListening(participantId);
      }
      render();
    },
    onDisconnect: () => {
      client = undefined;
      for (const participantId of players.keys()) stopListening(participantId);
      render();
      setTimeout(keepConnected, reconnectMs);
    },
  });
  client = opened;
  dashboard.setAttribute('token', opened.welcome.mosToken);
  dashboard.setAttribute('router-id', opened.welcome.routerId);
  // Not before: without a router it asks for all of them, without a token it is refused.
  if (!dashboard.isConnected) byId('quality').append(dashboard);
  render();
  if (joinedName !== undefined) await enter(opened, joinedName);
}

function keepConnected(): void {
  connect().catch((error) => {
    console.error(error);
    setTimeout(keepConnected, reconnectMs);
  });
}

/** Joins, and sends the microphone if there is one. */
async function enter(room: ConferenceClient, name: string): Promise<void> {
  await room.join(name);
  joinedName = name;
  render();
  try {
    microphone ??= await Microphone.open(async (track) => client?.replaceTrack(track));
  } catch (error) {
    complain(`No microphone, so you send no sound: ${(error as Error).message}. You can listen.`);
    return;
  }
  await room.send(microphone.track);
  await ownCall.begin({ client: room, microphone });
}

function leave(): void {
  joinedName = undefined;
  ownCall.end();
  microphone?.close();
  microphone = undefined;
  message.hidden = true;
  // A new connection follows: one that has not joined.
  client?.close();
}

async function toggleListening(participantId: string): Promise<void> {
  if (players.has(participantId)) {
    stopListening(participantId);
  } else if (client) {
    const player = new Audio();
    players.set(participantId, player);
    try {
      player.srcObject = new MediaStream([await client.listen(participantId)]);
      await player.play();
    } catch (error) {
      stopListening(participantId);
      throw error;
    }
  }
  render();
}

function stopListening(participantId: string): void {
  const player = players.get(participantId);
  players.delete(participantId);
  client?.stopListening(participantId);
  if (player) player.srcObject = null;
}

joinForm.addEventListener('submit', (event) => {
  event.preventDefault();
  if (client === undefined) return;
  message.hidden = true;
  joinButton.disabled = true;
  enter(client, nameInput.value).catch(complain).finally(render);
});
muteButton.addEventListener('click', () => {
  client?.setMuted(muteButton.getAttribute('aria-pressed') !== 'true').catch(complain);
});
byId('leave').addEventListener('click', leave);

render();
keepConnected();
