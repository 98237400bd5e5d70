// The terminal of a task's shell. The websocket is at this page's own address, without the slash at
// its end. What is sent begins with a byte: 1 for input, 2 for the size (rows, then columns, as
// 16 bits each, the low byte first). What arrives is the shell's output as it is.
import { Terminal } from './vendor/xterm.mjs';
import { FitAddon } from './vendor/addon-fit.mjs';

const input = 1;
const size = 2;
const chunk = 16 * 1024; // of a long paste

const light = {
  background: '#ffffff', foreground: '#1f2328', cursor: '#0b57d0', cursorAccent: '#ffffff', selectionBackground: '#b6d4fe',
  black: '#1f2328', red: '#b3261e', green: '#116329', yellow: '#7a5200', blue: '#0550ae', magenta: '#8250df', cyan: '#1b6b72', white: '#57606a',
  brightBlack: '#57606a', brightRed: '#a40e26', brightGreen: '#1a7f37', brightYellow: '#633c01', brightBlue: '#0969da', brightMagenta: '#6639ba', brightCyan: '#1f7a8c', brightWhite: '#3d444d',
};
const dark = {
  background: '#16181d', foreground: '#e4e6eb', cursor: '#8ab4f8', cursorAccent: '#16181d', selectionBackground: '#3b4a66',
  black: '#4a505c', red: '#ff7b72', green: '#7ee787', yellow: '#e3b341', blue: '#79c0ff', magenta: '#d2a8ff', cyan: '#76e3ea', white: '#c9d1d9',
  brightBlack: '#8b949e', brightRed: '#ffa198', brightGreen: '#a5f0ac', brightYellow: '#f2cc60', brightBlue: '#a5d6ff', brightMagenta: '#e2c5ff', brightCyan: '#b3f0f5', brightWhite: '#ffffff',
};

const state = document.getElementById('state');
const again = document.getElementById('again');
const place = document.getElementById('terminal');

const task = new URLSearchParams(location.search);
if (task.get('taskId')) {
  const name = `${task.get('taskId')}/${task.get('runId') ?? 0}`;
  document.getElementById('task').textContent = name;
  document.title = `Shell ${name}`;
}

const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const terminal = new Terminal({
  theme: prefersDark.matches ? dark : light,
  fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
  fontSize: 14,
  scrollback: 10000,
  cursorBlink: true,
});
prefersDark.addEventListener('change', () => { terminal.options.theme = prefersDark.matches ? dark : light; });

const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(place);
new ResizeObserver(() => fit.fit()).observe(place);

let socket;

function send(kind, bytes) {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const message = new Uint8Array(bytes.length + 1);
  message[0] = kind;
  message.set(bytes, 1);
  socket.send(message);
}

function type(bytes) {
  for (let i = 0; i < bytes.length; i += chunk) send(input, bytes.subarray(i, i + chunk));
}

function tellSize() {
  const { rows, cols } = terminal;
  send(size, Uint8Array.of(rows & 255, rows >> 8, cols & 255, cols >> 8));
}

const encoder = new TextEncoder();
terminal.onData((text) => type(encoder.encode(text)));
terminal.onBinary((text) => type(Uint8Array.from(text, (c) => c.charCodeAt(0) & 255)));
terminal.onResize(tellSize);

function connect() {
  const address = new URL(location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.pathname = address.pathname.replace(/\/$/, '');
  address.search = address.hash = '';
  const mine = new WebSocket(address);
  mine.binaryType = 'arraybuffer';
  socket = mine;
  state.textContent = 'Connecting…';
  again.hidden = true;
  mine.onopen = () => {
    state.textContent = 'Connected';
    tellSize();
    terminal.focus();
  };
  mine.onmessage = (event) => terminal.write(new Uint8Array(event.data));
  mine.onclose = (event) => {
    state.textContent = event.reason || 'Not connected: the task may have ended';
    again.hidden = false;
  };
}

again.addEventListener('click', () => {
  terminal.reset();
  connect();
});
fit.fit();
connect();
