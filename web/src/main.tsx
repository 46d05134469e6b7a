import { render } from "preact";
import { App } from "./ui/app";
import { keepForOffline } from "./ui/pwa";
import { forgetOnLeaving, followHistory, started } from "./ui/state";
import { trustOwnScriptsOnly } from "./ui/trusted";
import { useReadersLanguage } from "./ui/words";
import "./ui/styles.css";

const place = document.getElementById("app");
if (place === null) throw new Error("index.html has no place for the page");
trustOwnScriptsOnly();
void useReadersLanguage();
followHistory();
forgetOnLeaving();
keepForOffline(() => started.value);
render(<App />, place);
