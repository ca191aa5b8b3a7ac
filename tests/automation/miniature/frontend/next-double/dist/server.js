// Answers /health, and /environment with what it was started with. Keeps a process of its own, as Next does.
const { spawn } = require("node:child_process");
const http = require("node:http");

process.title = "next-server (miniature)";
spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "ignore" });
const answers = {
  "/health": () => ({ status: "ok" }),
  "/": () => ({ page: "first" }),
  "/environment": () => process.env,
};
const server = http.createServer((request, response) => {
  console.log(`GET ${request.url}`);
  if (request.url === "/die") process.exit(7);
  const answer = answers[request.url];
  response.statusCode = answer ? 200 : 404;
  response.end(JSON.stringify(answer ? answer() : {}));
});
server.listen(Number(process.env.PORT), process.env.HOSTNAME);
