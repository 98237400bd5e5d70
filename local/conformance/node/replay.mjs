// Replays the conformance script through the public Node client and prints one JSON record
// {status, body, text, location} a step. The script's form is explained in ../script_test.go.
import { readFileSync } from 'node:fs';
import taskcluster from 'taskcluster-client';

const rootUrl = process.env.TASKCLUSTER_ROOT_URL;
const start = Date.now();
const vars = {
  root: rootUrl,
  'root client': {
    clientId: process.env.TASKCLUSTER_CLIENT_ID,
    accessToken: process.env.TASKCLUSTER_ACCESS_TOKEN,
  },
};
const classes = {
  auth: taskcluster.Auth,
  queue: taskcluster.Queue,
  'worker-manager': taskcluster.WorkerManager,
  secrets: taskcluster.Secrets,
  index: taskcluster.Index,
  'purge-cache': taskcluster.PurgeCache,
  object: taskcluster.Object,
};

function variable(name) {
  if (name === 'now') {
    return new Date(start).toISOString();
  }
  const hours = /^in (\d+)h$/.exec(name);
  if (hours) {
    return new Date(start + hours[1] * 3600 * 1000).toISOString();
  }
  if (!(name in vars)) {
    throw new Error(`no variable ${name}`);
  }
  return vars[name];
}

function expand(v) {
  if (typeof v === 'string') {
    const whole = /^\{\{([^}]+)\}\}$/.exec(v);
    return whole ? variable(whole[1]) : v.replace(/\{\{([^}]+)\}\}/g, (_, name) => variable(name));
  }
  if (Array.isArray(v)) {
    return v.map(expand);
  }
  if (v !== null && typeof v === 'object') {
    return Object.fromEntries(Object.entries(v).map(([key, value]) => [key, expand(value)]));
  }
  return v;
}

function at(v, path) {
  return path === '' ? v : path.split('.').reduce((found, key) => found?.[key], v);
}

function credentialsOf(as) {
  const anonymous = as === undefined || as === 'anonymous';
  return anonymous ? {} : variable(as === 'root' ? 'root client' : as);
}

function clientFor(name, as) {
  const [service, method] = name.split('.');
  const client = new classes[service]({ rootUrl, credentials: credentialsOf(as), retries: 0 });
  if (typeof client[method] !== 'function') {
    throw new Error(`the Node client has no method ${name}`);
  }
  return [client, method];
}

async function call(step) {
  const [client, method] = clientFor(step.call, step.as);
  const args = expand(step.args ?? []);
  if (step.payload !== undefined) {
    args.push(expand(step.payload));
  }
  try {
    // The client tells the status of errors only.
    return { status: 0, body: await client[method](...args) };
  } catch (err) {
    if (!err.statusCode) {
      throw err;
    }
    return { status: err.statusCode, body: err.body };
  }
}

function sign(step) {
  if (step.url) {
    return { status: 0, body: signUrl(step.sign, expand(step.url), credentialsOf(step.as)) };
  }
  const [client, method] = clientFor(step.sign, step.as);
  return { status: 0, body: client.buildSignedUrl(client[method], ...expand(step.args)) };
}

// signUrl signs the URL of a method that is younger than the client.
function signUrl(serviceName, url, credentials) {
  const route = url.slice(`${rootUrl}/api/${serviceName}/v1`.length);
  const Young = taskcluster.createClient({
    serviceName,
    apiVersion: 'v1',
    entries: [{ type: 'function', name: 'get', method: 'get', route, args: [] }],
  }, 'Young');
  const client = new Young({ rootUrl, credentials });
  return client.buildSignedUrl(client.get);
}

async function http(step) {
  const response = await fetch(expand(step.url), {
    method: step.http,
    headers: expand(step.headers ?? {}),
    body: step.http === 'GET' ? undefined : step.body,
    redirect: 'manual',
  });
  const record = {
    status: response.status,
    text: await response.text(),
    location: response.headers.get('location') ?? '',
  };
  if (response.headers.get('content-type')?.startsWith('application/json')) {
    record.body = JSON.parse(record.text);
  }
  return record;
}

async function run(step) {
  if (step.call) {
    return call(step);
  }
  if (step.sign) {
    return sign(step);
  }
  if (step.http) {
    return http(step);
  }
  Object.assign(vars, step.set);
  return {};
}

for (const [i, step] of JSON.parse(readFileSync(process.argv[2], 'utf8')).entries()) {
  const record = await run(step);
  for (const [name, path] of Object.entries(step.save ?? {})) {
    vars[name] = path === 'location' ? record.location : at(record.body, path);
    if (vars[name] === undefined) {
      throw new Error(`step ${i + 1}: nothing at "${path}" in ${JSON.stringify(record.body)}`);
    }
  }
  console.log(JSON.stringify(record));
}
