import { createApp } from 'vue'
import './styles/fonts.css'
import './styles/base.css'
import App from './App.vue'
import { router } from './model/router'
import { store } from './model/store'

store.start()
router.start()
createApp(App).mount('#app')
