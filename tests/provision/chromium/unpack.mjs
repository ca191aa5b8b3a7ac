// Unpacks the browser into TMPDIR, with the libraries and fonts it brings, and prints where it is.
process.env.AWS_LAMBDA_JS_RUNTIME ??= `nodejs${process.versions.node.split(".")[0]}.x`; // asks for the libraries
const { default: chromium } = await import("@sparticuz/chromium");
console.log(await chromium.executablePath());
