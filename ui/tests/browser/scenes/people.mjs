// Beginning conversations, groups and their members, settings, and the palette.

import assert from 'node:assert/strict';
import { byId, conversation, idle } from '../page.mjs';

const openIn = async (page, name) => {
  await page.click(conversation(name));
  await idle(page);
};
const lastCall = (page, name) =>
  page.evaluate((n) => demo.calls.findLast((c) => c.name === n)?.args, name);
const memberMenu = async (page, name, item) => {
  await page.click(`${byId('member')}:has-text("${name}") ${byId('member-menu')}`);
  await page.click(`role=menuitem[name="${item}"]`);
};

export const people = {
  async 'a conversation begins with a search, and exists once somebody writes'(open) {
    const page = await open();
    await page.keyboard.press('Control+n');
    await page.fill(byId('people-search'), 'barb');
    await page.click(`${byId('person-option')}:has-text("Barbara Liskov")`);
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Barbara Liskov');
    await page.waitForSelector('text=No messages yet');
    assert.equal(await page.locator(conversation('Barbara')).count(), 0);
    await page.fill(byId('composer-input'), 'Hello');
    await page.press(byId('composer-input'), 'Enter');
    await page.waitForSelector(conversation('Barbara'));
    await page.waitForSelector(`${byId('message')}[data-state=read]`);
  },

  async 'offline the people one knows can still be found'(open) {
    const page = await open({ wishes: { scene: 'offline' } });
    await page.click(byId('new-conversation-button'));
    await page.fill(byId('people-search'), 'gra');
    await page.waitForSelector('text=needs a connection');
    await page.keyboard.press('Enter');
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Grace Hopper');
  },

  async 'a group is made, renamed, filled and left'(open) {
    const page = await open();
    await page.click(byId('new-conversation-button'));
    await page.click(byId('new-group-button'));
    assert.ok(await page.isDisabled(byId('create-group-button')));
    await page.fill(byId('group-name'), 'Difference engine');
    await page.fill(byId('people-search'), 'grace');
    await page.click(byId('person-option'));
    await page.fill(byId('people-search'), 'rad');
    await page.click(`${byId('person-option')}:has-text("Radia")`);
    await page.click(byId('create-group-button'));
    await page.waitForSelector('text=began the group “Difference engine”');
    await page.click(byId('details-button'));
    assert.equal(await page.locator(byId('member')).count(), 3);
    await page.click(byId('rename-group'));
    await page.fill(byId('rename-input'), 'Analytical engine');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=renamed the group to “Analytical engine”');
    assert.equal(await page.textContent(byId('conversation-title')), 'Analytical engine');
    await page.click(`${byId('details')} ${byId('add-people')}`);
    await page.fill(byId('people-search'), 'barb');
    await page.click(`${byId('person-option')}:has-text("Barbara")`);
    await page.click(byId('add-people-button'));
    await page.waitForSelector('text=Ada Lovelace added Barbara Liskov');
    await memberMenu(page, 'Grace Hopper', 'Make admin');
    await page.waitForSelector('text=made Grace Hopper an admin');
    await memberMenu(page, 'Radia Perlman', 'Remove from group');
    await page.click(byId('confirm-button'));
    await page.waitForSelector('text=Ada Lovelace removed Radia Perlman');
    await memberMenu(page, 'Barbara Liskov', 'Make owner');
    await page.click(byId('confirm-button'));
    await page.waitForSelector('text=made Barbara Liskov the owner');
    await page.click(byId('leave-group'));
    await page.click(byId('confirm-button'));
    await page.waitForSelector('text=You are not a member any more.');
  },

  async 'a simple member is offered nothing that needs a role'(open) {
    const page = await open();
    await page.evaluate(() => {
      [...demo.rooms.values()][0].members.forEach((m) => {
        m.role = m.person.name === 'grace' ? 'owner' : 'member';
      });
    });
    await openIn(page, 'Engine room');
    await page.click(byId('details-button'));
    await page.waitForSelector(byId('member'));
    assert.equal(await page.locator(`${byId('add-people')}, ${byId('rename-group')}`).count(), 0);
    await page.click(`${byId('member')}:has-text("Alan") ${byId('member-menu')}`);
    assert.deepEqual(await page.locator('[role=menuitem] .name').allTextContents(), [
      'Write to them',
    ]);
  },

  async 'the palette finds conversations, people and commands'(open) {
    const page = await open();
    await page.keyboard.press('Control+k');
    await page.fill(byId('palette-input'), 'lun');
    await page.keyboard.press('Enter');
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Lunch, no strings');
    await page.keyboard.press('Control+k');
    await page.fill(byId('palette-input'), '小龙');
    await page.keyboard.press('Enter');
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), '李小龙');
    await page.keyboard.press('Control+k');
    await page.fill(byId('palette-input'), 'radia');
    await page.waitForSelector(`${byId('palette-option')}:has-text("Radia Perlman")`);
    await page.keyboard.press('Enter');
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Radia Perlman');
    await page.keyboard.press('Control+k');
    await page.fill(byId('palette-input'), 'dark app');
    await page.keyboard.press('Enter');
    await idle(page);
    assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
    await page.keyboard.press('Control+k');
    await page.fill(byId('palette-input'), 'qqqq');
    await page.waitForSelector('text=Nothing found');
  },

  async 'settings hold at once and are put back when they cannot be kept'(open) {
    const page = await open();
    await page.keyboard.press('Control+,');
    await page.click(byId('settings-appearance'));
    await page.click(`${byId('appearance-choice')} [data-value=dark]`);
    assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
    await page.click(byId('settings-language'));
    await page.click(`${byId('language-choice')} [data-value=zh-CN]`);
    await page.waitForSelector('text=设置');
    assert.equal(await page.getAttribute('html', 'lang'), 'zh-CN');
    await page.click(`${byId('language-choice')} [data-value=en]`);
    await page.click(byId('settings-notifications'));
    await page.click(byId('notify-content'));
    await idle(page);
    const settings = await lastCall(page, 'change_settings');
    assert.deepEqual(settings, {
      appearance: 'dark',
      notify: 'all',
      notify_content: false,
      language: 'en',
      typing: true,
      autostart: false,
      close_to_tray: true,
    });
    await page.evaluate(() => demo.broken.set('change_settings', 'storage'));
    await page.click(`${byId('notify-choice')} [data-value=nothing]`);
    await page.waitForSelector('text=Is the disk full?');
    assert.equal(
      await page.getAttribute(`${byId('notify-choice')} [data-value=all]`, 'aria-checked'),
      'true',
    );
  },

  async 'the profile, the password and the devices are looked after'(open) {
    const page = await open();
    await page.click(byId('account-button'));
    await page.fill(byId('profile-name'), 'Countess of Lovelace');
    await page.click(byId('profile-save'));
    await page.waitForSelector(`${byId('account-button')}:has-text("Countess of Lovelace")`);
    await page.click(byId('begin-change-password'));
    await page.fill(byId('old-password'), 'wrong');
    await page.fill(byId('new-password'), 'analytical');
    await page.click(byId('change-password'));
    await page.waitForSelector('text=do not match');
    await page.fill(byId('old-password'), 'right');
    await page.click(byId('change-password'));
    await page.waitForSelector('text=The password is changed.');
    await page.click(byId('settings-devices'));
    await page.click(byId('end-session'));
    await page.click(byId('confirm-button'));
    await page.waitForFunction(
      () => document.querySelectorAll('[data-testid=session]').length === 1,
    );
  },

  async 'what the client says of the account, the language and presence is followed'(open) {
    const page = await open({ wishes: { lang: 'zh-CN' } });
    await page.waitForSelector('text=会话');
    await openIn(page, 'Engine room');
    await page.waitForSelector('text=6 位成员，4 人在线');
    await page.waitForSelector(`${byId('timeline')} >> text=今天`);
  },
};
