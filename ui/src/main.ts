// Starts the page: finds the door, makes the app, shows it.

import { mount } from 'svelte';
import './app.css';
import AppView from './App.svelte';
import { chooseBackend } from './backend';
import { App } from './state/app.svelte';

const target = document.getElementById('app');
if (!target) throw new Error('The page has no place for the app.');
const app = new App(await chooseBackend());
mount(AppView, { target, props: { app } });
