// Deploys two charms with @canonical/jujulib, relates them, waits until they are active, and
// removes one. All that it knows about the controller is in the store files of $JUJU_DATA.
//
//   JUJU_DATA=DIR node client.mjs PROVIDER.charm REQUIRER.charm

import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import https from "node:https";
import { basename, join } from "node:path";

import { connect } from "@canonical/jujulib";
import AllWatcher from "@canonical/jujulib/dist/api/facades/all-watcher/index.js";
import Application from "@canonical/jujulib/dist/api/facades/application/index.js";
import Charms from "@canonical/jujulib/dist/api/facades/charms/index.js";
import Client from "@canonical/jujulib/dist/api/facades/client/index.js";
import ModelConfig from "@canonical/jujulib/dist/api/facades/model-config/index.js";
import ModelManager from "@canonical/jujulib/dist/api/facades/model-manager/index.js";
import Pinger from "@canonical/jujulib/dist/api/facades/pinger/index.js";
import Resources from "@canonical/jujulib/dist/api/facades/resources/index.js";
import WebSocket from "ws";
import { parse } from "yaml";

const IMAGE = "registry.internal:5000/kubeflow/minio:1";

function readStore(directory) {
  const load = (name) => parse(readFileSync(join(directory, name), "utf8"));
  const controllers = load("controllers.yaml");
  const name = controllers["current-controller"];
  const controller = controllers.controllers[name];
  const account = load("accounts.yaml").controllers[name];
  return {
    endpoint: controller["api-endpoints"][0],
    ca: controller["ca-cert"],
    user: account.user,
    password: account.password,
  };
}

const store = readStore(process.env.JUJU_DATA);

// A websocket that trusts the CA of the store, and nothing else.
class TrustingSocket extends WebSocket {
  constructor(url) {
    super(url, { ca: store.ca });
  }
}

async function login(path, facades) {
  const url = `wss://${store.endpoint}${path}`;
  const juju = await connect(url, { facades, wsclass: TrustingSocket });
  const connection = await juju.login({ username: store.user, password: store.password });
  return { ...connection.facades, info: connection.info, close: () => juju.logout() };
}

// Sends a request over HTTPS with the user's tag and password; resolves to the JSON of the answer.
function send(method, path, headers, body) {
  const [host, port] = store.endpoint.split(":");
  const options = {
    host,
    port,
    path,
    method,
    ca: store.ca,
    auth: `user-${store.user}:${store.password}`,
    headers,
  };
  return new Promise((resolve, reject) => {
    const request = https.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
      });
    });
    request.on("error", reject);
    if (typeof body === "string") request.end(body);
    else body.pipe(request);
  });
}

function check(reply) {
  for (const result of reply.results) {
    if (result.error) throw new Error(result.error.message);
  }
  return reply.results;
}

async function upload(uuid, path) {
  const headers = { "Content-Type": "application/zip", "Content-Length": statSync(path).size };
  const body = createReadStream(path);
  const reply = await send("POST", `/model/${uuid}/charms?series=`, headers, body);
  return reply["charm-url"];
}

async function uploadImage(model, uuid, application, charmURL, resource) {
  const pending = await model.resources.addPendingResources({
    tag: `application-${application}`,
    url: charmURL,
    "charm-origin": null,
    resources: [
      {
        name: resource,
        type: "oci-image",
        path: basename(IMAGE),
        description: "",
        origin: "upload",
        revision: 0,
        fingerprint: "",
        size: 0,
      },
    ],
  });
  const id = pending["pending-ids"][0];
  const body = JSON.stringify({ ImageName: IMAGE, username: "", password: "" });
  await send(
    "PUT",
    `/model/${uuid}/applications/${application}/resources/${resource}?pendingid=${id}`,
    {
      "Content-Type": "application/octet-stream",
      "Content-Length": Buffer.byteLength(body),
      "Content-Sha384": createHash("sha384").update(body).digest("hex"),
      "Content-Disposition": `form-data; filename="${basename(IMAGE)}"`,
    },
    body,
  );
  return id;
}

async function deploy(model, uuid, application, path, config) {
  const charmURL = await upload(uuid, path);
  const info = await model.charms.charmInfo({ url: charmURL });
  const resources = {};
  for (const name of Object.keys(info.meta.resources ?? {})) {
    resources[name] = await uploadImage(model, uuid, application, charmURL, name);
  }
  const origin = {
    source: "local",
    type: "charm",
    id: "",
    architecture: "amd64",
    base: { name: info.manifest.bases[0].name, channel: info.manifest.bases[0].channel },
  };
  check(
    await model.application.deploy({
      applications: [
        {
          application,
          "charm-url": charmURL,
          "charm-origin": origin,
          channel: "",
          "num-units": 1,
          "config-yaml": "",
          config,
          constraints: {},
          resources,
        },
      ],
    }),
  );
  return charmURL;
}

// Follows the watcher until `enough` is true of the units and applications that are there.
async function follow(model, id, enough) {
  const units = new Map();
  const applications = new Set();
  const seen = [];
  for (;;) {
    const { deltas } = await model.allWatcher.next({ id });
    for (const [kind, change, entity] of deltas) {
      if (kind === "application") {
        if (change === "remove") applications.delete(entity.name);
        else applications.add(entity.name);
      }
      if (kind !== "unit") continue;
      if (change === "remove") units.delete(entity.name);
      else units.set(entity.name, entity);
      const { current, message } = entity["workload-status"];
      seen.push(`${entity.name} ${current} ${message}`.trim());
    }
    if (enough(units, applications)) return seen;
  }
}

function settled(expected) {
  return (units) =>
    units.size === expected &&
    [...units.values()].every(
      (unit) =>
        unit["workload-status"].current === "active" && unit["agent-status"].current === "idle",
    );
}

async function main([provider, requirer]) {
  const controller = await login("/api", [ModelManager, Pinger]);
  const created = await controller.modelManager.createModel({
    name: "from-node",
    "owner-tag": controller.info.user.identity,
    config: {},
    "cloud-tag": "",
    region: "",
    credential: "",
  });
  await controller.pinger.ping();
  controller.close();

  const uuid = created.uuid;
  const facades = [AllWatcher, Application, Charms, Client, ModelConfig, Resources];
  const model = await login(`/model/${uuid}/api`, facades);
  const config = await model.modelConfig.modelGet();
  const charms = [
    await deploy(model, uuid, "minio", provider, { port: "9001" }),
    await deploy(model, uuid, "kfp", requirer, {}),
  ];
  const { "watcher-id": id } = await model.client.watchAll();
  await model.application.addRelation({ endpoints: ["kfp:storage", "minio"] });
  const seen = await follow(model, id, settled(2));
  const status = await model.client.fullStatus({ patterns: [] });

  let refused = "";
  try {
    await model.application.addRelation({ endpoints: ["kfp", "nobody"] });
  } catch (error) {
    refused = error.message;
  }
  check(
    await model.application.destroyApplication({
      applications: [{ "application-tag": "application-kfp", force: false }],
    }),
  );
  await follow(model, id, (_units, applications) => !applications.has("kfp"));
  const after = await model.client.fullStatus({ patterns: [] });
  await model.allWatcher.stop({ id });
  model.close();

  console.log(
    JSON.stringify({
      model: config.config.name.value,
      versions: Object.fromEntries(
        Object.values(model)
          .filter((facade) => facade.NAME)
          .map((facade) => [facade.NAME, facade.VERSION]),
      ),
      charms,
      seen,
      status,
      refused,
      left: Object.keys(after.applications),
    }),
  );
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error);
  process.exit(1); // sockets that are open would keep the process alive
}
